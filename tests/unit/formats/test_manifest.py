"""Manifests as definitions: what each element comes to, and every mistake at its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stoker.formats import compile_place
from stoker.model import Definition, Grouping, RestartOn, Step, project_place

DOCTYPE = (
    "<?xml version='1.0'?>\n"
    "<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>\n"
)


def manifest(body: str, name: str = "site/web", kind: str = "manifest") -> str:
    """A bundle of one service; `body` begins in line 4."""
    return (
        f"{DOCTYPE}<service_bundle type='{kind}' name='t'><service name='{name}' type='service' "
        f"version='1'>\n{body}</service></service_bundle>\n"
    )


METHODS = (
    "<exec_method type='method' name='start' exec='/bin/true' timeout_seconds='30'/>\n"
    "<exec_method type='method' name='stop' exec=':kill' timeout_seconds='30'/>\n"
)
INSTANCE = "<instance name='default' enabled='true'/>\n"


class Box:
    """A directory of manifests and what it comes to."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mistakes: list[Any] = []

    def write(self, name: str, text: str) -> None:
        (self.directory / f"{name}.xml").write_text(text, encoding="utf-8")

    def read(self) -> dict[str, Definition]:
        place = project_place(str(self.directory), {"XDG_RUNTIME_DIR": str(self.directory)}, 1)
        compiled = compile_place(place)
        self.mistakes = compiled.mistakes
        return {one.fmri: one for one in compiled.definitions}

    def only(self, body: str, name: str = "site/web") -> Definition:
        self.write("web", manifest(body, name))
        found = self.read()
        assert self.errors() == []
        return next(iter(found.values()))

    def errors(self) -> list[tuple[int | None, str | None, str]]:
        return [(m.line, m.key, m.message) for m in self.mistakes if m.level == "error"]

    def warnings(self) -> list[str]:
        return [m.message for m in self.mistakes if m.level == "warning"]


@pytest.fixture
def xml(tmp_path: Path) -> Box:
    directory = tmp_path / "services"
    directory.mkdir()
    return Box(directory)


def test_t02_an_instance_inherits_property_by_property(xml: Box) -> None:
    body = (
        METHODS + "<property_group name='startd' type='framework'>"
        "<propval name='critical_failure_count' type='count' value='7'/>"
        "<propval name='critical_failure_period' type='count' value='100'/></property_group>\n"
        "<instance name='a' enabled='true'/>"
        "<instance name='b' enabled='false'><property_group name='startd' type='framework'>"
        "<propval name='critical_failure_count' type='count' value='9'/></property_group>"
        "</instance>\n"
    )
    xml.write("web", manifest(body))
    found = xml.read()
    a, b = found["svc:/site/web:a"], found["svc:/site/web:b"]
    assert (a.enabled, b.enabled) == (True, False)
    assert (a.restart.rate_count, a.restart.rate_period) == (7, 100.0)
    assert (b.restart.rate_count, b.restart.rate_period) == (9, 100.0)
    assert a.start == b.start


def test_contract_model_is_what_is_meant_without_a_duration(xml: Box) -> None:
    d = xml.only(METHODS + INSTANCE)
    assert (d.model, d.ready.kind, d.ends) == ("contract", "exit", "empty")
    assert d.start[0].argv == ("/bin/sh", "-c", "exec /bin/true")
    assert d.start[0].timeout == 30.0
    assert d.stop == (Step(word=":kill", signal=15, timeout=30.0),)
    assert d.stop_when_empty
    assert d.unclean == "maintenance"
    assert d.restart.failures == 3
    assert set(d.restart.fatal_exits) == {95, 96, 99, 100}
    assert (d.restart.rate_count, d.restart.rate_period, d.restart.rate_average) == (5, 600.0, True)
    # After the stop method it waits, and sends nothing but KILL in the end.
    assert [(rung.signals, rung.wait) for rung in d.ladder] == [((), 30.0)]


def duration(word: str) -> str:
    return (
        f"<property_group name='startd' type='framework'>"
        f"<propval name='duration' type='astring' value='{word}'/></property_group>\n"
    )


def test_transient_and_child(xml: Box) -> None:
    stop = METHODS.replace(":kill", "/bin/true")
    d = xml.only(stop + duration("transient") + INSTANCE)
    assert (d.model, d.ready.kind, d.ends, d.stop_when_empty) == (
        "transient",
        "exit",
        "never",
        False,
    )
    d = xml.only(METHODS + duration("child") + INSTANCE)
    assert (d.model, d.ready.kind, d.ends, d.start[0].timeout) == ("child", "spawn", "main", None)
    assert d.restart.fatal_exits == (96,)
    assert d.restart.rate_count == 0


def test_wait_is_no_word_for_a_duration(xml: Box) -> None:
    assert xml.only(METHODS + duration("wait") + INSTANCE).model == "contract"


def test_a_start_that_is_no_process_does_not_end(xml: Box) -> None:
    d = xml.only(METHODS.replace("/bin/true", ":true") + INSTANCE)
    assert d.start == (Step(word=":true", timeout=30.0),)
    assert d.ends == "never"


@pytest.mark.parametrize(
    ("text", "signal"), [(":kill -HUP", 1), (":kill -9", 9), (":kill -SIGUSR1", 10)]
)
def test_kill_names_its_signal(xml: Box, text: str, signal: int) -> None:
    d = xml.only(METHODS.replace(":kill", text) + INSTANCE)
    assert (d.stop[0].word, d.stop[0].signal) == (":kill", signal)


def test_timeouts_without_end(xml: Box) -> None:
    for word in ("0", "-1"):
        d = xml.only(METHODS.replace("'30'", f"'{word}'") + INSTANCE)
        assert d.start[0].timeout is None
        assert d.ladder[0].wait is None


def test_t39_dependencies_on_services_and_files(xml: Box) -> None:
    body = (
        "<dependency name='need' grouping='require_any' restart_on='refresh' type='service'>"
        "<service_fmri value='svc:/a/b'/><service_fmri value='svc://localhost/a/c:x'/>"
        "</dependency>\n"
        "<dependency name='conf' grouping='require_all' restart_on='none' type='path'>"
        "<service_fmri value='file://localhost/etc/conf'/><service_fmri value='file:///etc/d'/>"
        "<service_fmri value='file:/etc/e'/></dependency>\n"
        "<dependency name='empty' grouping='exclude_all' restart_on='none' type='service'/>\n"
    )
    d = xml.only(body + METHODS + INSTANCE)
    need, conf = d.dependencies
    assert need.targets == ("svc:/a/b", "svc:/a/c:x")
    assert (need.grouping, need.restart_on) == (Grouping.REQUIRE_ANY, RestartOn.REFRESH)
    assert conf.targets == ("file:///etc/conf", "file:///etc/d", "file:///etc/e")
    assert conf.watch


def test_t76_a_dependent_makes_a_dependency_in_its_target(xml: Box) -> None:
    dependent = (
        "<dependent name='web_db' grouping='optional_all' restart_on='restart'>"
        "<service_fmri value='svc:/site/db'/></dependent>\n"
    )
    xml.write("web", manifest(dependent + METHODS + INSTANCE))
    two = "<instance name='a' enabled='true'/><instance name='b' enabled='true'/>\n"
    xml.write("db", manifest(METHODS + two, "site/db"))
    found = xml.read()
    for name in ("svc:/site/db:a", "svc:/site/db:b"):
        (group,) = found[name].dependencies
        assert group.name == "web_db"
        assert group.targets == ("svc:/site/web",)
        assert (group.grouping, group.restart_on) == (Grouping.OPTIONAL_ALL, RestartOn.RESTART)
    (xml.directory / "web.xml").unlink()
    assert xml.read()["svc:/site/db:a"].dependencies == ()


def test_a_dependent_does_not_replace_what_its_target_says(xml: Box) -> None:
    dependent = (
        "<dependent name='x' grouping='optional_all' restart_on='restart'>"
        "<service_fmri value='svc:/site/db:default'/></dependent>\n"
    )
    own = (
        "<dependency name='x' grouping='require_all' restart_on='none' type='service'>"
        "<service_fmri value='svc:/other'/></dependency>\n"
    )
    xml.write("web", manifest(dependent + METHODS + INSTANCE))
    xml.write("db", manifest(own + METHODS + INSTANCE, "site/db"))
    (group,) = xml.read()["svc:/site/db:default"].dependencies
    assert group.targets == ("svc:/other",)
    assert any("has a dependency 'x' of its own" in text for text in xml.warnings())


def test_t61_surroundings_of_methods(xml: Box) -> None:
    environment = (
        "<method_context working_directory='/srv'><method_environment>"
        "<envvar name='MODE' value='50% off'/></method_environment></method_context>\n"
    )
    d = xml.only(environment + METHODS + INSTANCE)
    context = d.context
    assert context.working_directory == "/srv"
    assert context.tokens
    assert context.environment["SMF_FMRI"] == "%f"
    assert context.environment["SMF_METHOD"] == "%m"
    assert context.environment["SMF_RESTARTER"] == "svc:/system/svc/restarter:default"
    assert context.environment["SMF_ZONENAME"] == "global"
    assert context.environment["MODE"] == "50%% off"
    assert context.environment["PATH"].startswith("/usr/sbin:/usr/bin")


def test_t61_a_variable_of_smf_cannot_be_given(xml: Box) -> None:
    bad = (
        "<method_context><method_environment>\n<envvar name='SMF_X' value='1'/>"
        "</method_environment></method_context>\n"
    )
    xml.write("web", manifest(bad + METHODS + INSTANCE))
    assert xml.read() == {}
    ((line, key, message),) = xml.errors()
    assert (line, key) == (5, 'envvar "SMF_X"')
    assert "SMF_X" in message


def test_t62_tokens_for_properties_are_expanded_and_quoted(xml: Box) -> None:
    body = (
        "<exec_method type='method' name='start' timeout_seconds='30' "
        "exec='/bin/echo %m %i %s %f %% %{config/names,} %{config/names:} %{mode} "
        "%{config/odd}'/>\n"
        "<property_group name='config' type='application'>"
        "<property name='names' type='astring'><astring_list><value_node value='a b'/>"
        "<value_node value='c$d'/></astring_list></property>"
        "<propval name='odd' type='astring' value='100%'/></property_group>\n"
        "<property_group name='application' type='application'>"
        "<propval name='mode' type='astring' value='fast'/></property_group>\n"
    )
    d = xml.only(body + INSTANCE)
    assert d.start[0].argv[2] == (r"exec /bin/echo %m %i %s %f %% a\ b,c\$d a\ b:c\$d fast 100%%")


def test_t62_an_unknown_token_fails_the_method_for_good(xml: Box) -> None:
    for text in ("/bin/echo %z", "/bin/echo %{no/such}"):
        d = xml.only(METHODS.replace("/bin/true", text) + INSTANCE)
        step = d.start[0]
        assert step.argv[:2] == ("/bin/sh", "-c")
        assert "exit 96" in step.argv[2]
        assert any("%z" in w or "no/such" in w for w in xml.warnings())


def test_t63_each_method_has_its_own_context(xml: Box) -> None:
    body = (
        "<exec_method type='method' name='start' exec='/bin/true' timeout_seconds='1'>"
        "<method_context working_directory=':default'><method_credential user='daemon' "
        "group=':default' supp_groups='adm, bin'/></method_context></exec_method>\n"
        "<exec_method type='method' name='stop' exec='/bin/false' timeout_seconds='1'/>\n"
        "<exec_method type='method' name='refresh' exec=':kill -HUP' timeout_seconds='1'/>\n"
    )
    d = xml.only(body + INSTANCE)
    assert (d.context.user, d.context.group) == ("daemon", "")
    assert d.context.supplementary_groups == ("adm", "bin")
    assert d.context.working_directory == "~"
    assert d.start[0].context is None
    own = d.stop[0].context
    assert own is not None
    assert (own.user, own.working_directory) == ("", "/")
    assert d.refresh[0].context is None


def test_t66_what_is_no_fault(xml: Box) -> None:
    for text, expected in (
        ("core,signal", ("core", "signal")),
        ("signal,core", ("core", "signal")),
        ("core", ("core",)),
        ("other", ()),
    ):
        group = (
            f"<property_group name='startd' type='framework'><propval name='ignore_error' "
            f"type='astring' value='{text}'/></property_group>\n"
        )
        assert xml.only(METHODS + group + INSTANCE).ignore == expected


def test_t68_without_a_stop_method_it_is_signalled(xml: Box) -> None:
    start = METHODS.splitlines(keepends=True)[0]
    d = xml.only(start + INSTANCE)
    assert d.stop == ()
    assert d.ladder[0].signals == (15,)
    assert d.unclean == "ok"


def test_create_default_instance_and_names(xml: Box) -> None:
    body = (
        "<create_default_instance enabled='false'/><single_instance/>\n"
        + METHODS
        + "<stability value='Stable'/><template><common_name><loctext xml:lang='C'>\n the web \n"
        "</loctext></common_name></template>\n"
    )
    d = xml.only(body)
    assert d.fmri == "svc:/site/web:default"
    assert d.description == "the web"
    assert not d.enabled
    assert d.fault == ""


def test_a_restarter_that_is_not_here(xml: Box) -> None:
    body = "<restarter><service_fmri value='svc:/site/other:default'/></restarter>\n"
    d = xml.only(body + METHODS + INSTANCE)
    assert (d.restarter, d.fault) == ("svc:/site/other:default", "invalid_restarter")
    ours = body.replace("site/other", "system/svc/restarter")
    d = xml.only(ours + METHODS + INSTANCE)
    assert (d.restarter, d.fault) == ("", "")


def test_programs_that_are_not_here_are_told_and_taken(xml: Box) -> None:
    d = xml.only(METHODS.replace("/bin/true", "/lib/svc/method/nowhere start") + INSTANCE)
    assert d.start[0].argv[2] == "exec /lib/svc/method/nowhere start"
    (text,) = xml.warnings()
    assert text == "there is no /lib/svc/method/nowhere here"


def test_a_signal_that_only_solaris_has(xml: Box) -> None:
    refresh = "<exec_method type='method' name='refresh' exec=':kill -THAW' timeout_seconds='3'/>\n"
    d = xml.only(METHODS + refresh + INSTANCE)
    assert d.refresh[0].word == ":true"
    assert any("no signal THAW" in text for text in xml.warnings())


def test_a_contract_known_only_when_it_runs(xml: Box) -> None:
    text = "/x stop %{restarter/contract}"
    d = xml.only(METHODS.replace(":kill", text) + INSTANCE)
    assert d.stop[0].argv[2] == "exec /x stop $STOKER_CTID"


def test_two_files_for_one_service(xml: Box) -> None:
    xml.write("one", manifest(METHODS + INSTANCE))
    xml.write("two", manifest(METHODS + INSTANCE))
    assert xml.read() == {}
    assert all("is defined twice" in message for _, _, message in xml.errors())
    assert len(xml.errors()) == 2


def test_several_services_of_one_file_and_bundles_within(xml: Box) -> None:
    service = (
        "<service name='{}' type='service' version='1'><create_default_instance enabled='true'/>"
        + METHODS
        + "</service>"
    )
    inner = f"<service_bundle type='manifest' name='in'>{service.format('b')}</service_bundle>"
    text = f"{DOCTYPE}<service_bundle type='manifest' name='t'>{service.format('a')}{inner}"
    xml.write("x", text + "</service_bundle>")
    assert sorted(xml.read()) == ["svc:/a:default", "svc:/b:default"]
    assert xml.errors() == []


def test_a_profile_is_not_read_as_services(xml: Box) -> None:
    xml.write("p", manifest(INSTANCE, kind="profile"))
    assert xml.read() == {}
    assert xml.errors() == []
    assert any("is a profile" in text for text in xml.warnings())


@pytest.mark.parametrize(
    ("user", "privileges", "capabilities", "told"),
    [
        ("daemon", "basic,net_privaddr", ("net_bind_service",), ""),
        ("daemon", "basic !proc_info proc_setid", ("setuid", "setgid"), "!proc_info"),
        ("daemon", "basic,sys_devices,net_rawaccess", ("net_raw",), "sys_devices"),
        ("root", "basic,file_chown", ("chown",), ""),
        ("root", "basic,sys_devices", None, "sys_devices"),
        ("root", "zone", None, ""),
        ("daemon", ":default", None, ""),
    ],
)
def test_privileges(
    xml: Box, user: str, privileges: str, capabilities: tuple[str, ...] | None, told: str
) -> None:
    given = f"<method_credential user='{user}' privileges='{privileges}'/>"
    d = xml.only(f"<method_context>{given}</method_context>\n" + METHODS + INSTANCE)
    assert d.context.capabilities == capabilities
    assert xml.warnings() == ([f"nothing here stands for {told}"] if told else [])
