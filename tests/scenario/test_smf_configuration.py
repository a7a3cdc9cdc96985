"""svccfg and svcprop on a running place: import, set, refresh, take back, export, delete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from smf_host import DOCTYPE, Call

from stoker.testing import Scenario

WEB = (
    DOCTYPE
    + """<service_bundle type='manifest' name='t'>
<service name='site/web' type='service' version='1'>
<create_default_instance enabled='true'/>
<dependent name='web_late' grouping='optional_all' restart_on='none'>
<service_fmri value='svc:/late'/></dependent>
<exec_method type='method' name='start' exec='/bin/sh -c "echo mode=%{config/mode}"'
 timeout_seconds='60'/>
<exec_method type='method' name='stop' exec=':true' timeout_seconds='60'/>
<property_group name='startd' type='framework'>
<propval name='duration' type='astring' value='transient'/></property_group>
<property_group name='config' type='application'>
<propval name='mode' type='astring' value='slow'/>
<propval name='color' type='astring' value='red'/></property_group>
</service></service_bundle>"""
)


class Web:
    """A service that was imported for one test. `name`: without svc:/, `path`: of its manifest."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.text = WEB.replace("site/web", name).replace("web_late", f"{path.stem}_late")


@pytest.fixture(scope="module")
def place() -> Iterator[Scenario]:
    """One place for all tests here; each imports a service of its own."""
    with Scenario() as made:
        made.toml("late", 'exec_start = ["sleep", "infinity"]\n[restart]\ndelay = "2s"\n')
        made.up()
        yield made


@pytest.fixture
def call(smf: Call) -> Call:
    """Run a command of SMF for the place: status, output, errors."""
    return smf


def good(done: tuple[int, str, str]) -> str:
    assert done[0] == 0, done
    return done[1]


@pytest.fixture
def web(place: Scenario, call: Call) -> Web:
    """A manifest that was imported, with a name that no other test has."""
    number = len(list(place.base.glob("w*.xml")))
    made = Web(place.base / f"w{number}.xml", f"site/w{number}")
    made.path.write_text(made.text)
    good(call("svccfg", "import", str(made.path)))
    place.wait_for(made.name, "online")
    return made


def value(call: Call, name: str, of: str, *options: str) -> str:
    return good(call("svcprop", *options, "-p", name, of)).strip()


def test_t73_what_is_set_holds_from_the_refresh_on(place: Scenario, call: Call, web: Web) -> None:
    good(call("svccfg", "-s", web.name, "setprop", "config/mode", "=", "fast"))
    assert value(call, "config/mode", f"{web.name}:default") == "slow"
    assert value(call, "config/mode", f"{web.name}:default", "-c") == "fast"
    place.stoker("reload").ok()
    assert value(call, "config/mode", f"{web.name}:default") == "slow"
    run_before = place.instance(web.name)["run"]
    good(call("svccfg", "-s", f"{web.name}:default", "refresh"))
    assert value(call, "config/mode", f"{web.name}:default") == "fast"
    # As SMF: a refresh starts nothing anew; the next start has it.
    assert place.instance(web.name)["run"] == run_before
    place.stoker("restart", web.name).ok()
    text = place.stoker("logs", "--plain", web.name).ok().out
    said = [line for line in text.splitlines() if not line.startswith("[ ")]
    assert said == ["mode=slow", "mode=fast"]


def test_t02_instances_inherit_and_differ(call: Call, web: Web) -> None:
    good(call("svccfg", "-s", f"{web.name}:default", "addpg", "config", "application"))
    good(call("svccfg", "-s", f"{web.name}:default", "setprop config/mode = own"))
    assert value(call, "config/mode", f"{web.name}:default", "-c") == "own"
    assert value(call, "config/color", f"{web.name}:default", "-c") == "red"
    assert value(call, "config/mode", web.name) == "slow"
    assert call("svcprop", "-C", "-p", "config/color", f"{web.name}:default")[0] == 1
    good(call("svccfg", "-s", f"{web.name}:default", "delprop config/mode"))
    assert value(call, "config/mode", f"{web.name}:default", "-c") == "slow"


def test_t74_how_values_are_printed(call: Call, web: Web) -> None:
    assert good(call("svcprop", "-p", "config", f"{web.name}:default")) == (
        "config/mode astring slow\nconfig/color astring red\n"
    )
    full = good(call("svcprop", "-f", "-p", "config/mode", f"{web.name}:default"))
    assert full == f"svc:/{web.name}:default/:properties/config/mode astring slow\n"
    good(call("svccfg", "-s", web.name, 'setprop config/list = astring: ("a b" "" "c$d")'))
    assert value(call, "config/list", f"{web.name}:default", "-c") == r'a\ b "" c\$d'
    assert call("svcprop", "-q", "-p", "no/such", f"{web.name}:default") == (1, "", "")
    status, out, err = call("svcprop", "-p", "no/such", f"{web.name}:default")
    assert (status, out) == (1, "") and "no" in err
    status, out, err = call("svcprop", "-p", "config/mode", "nothing", f"{web.name}:default")
    assert (status, out) == (1, "slow\n") and "nothing" in err
    assert value(call, "restarter/state", f"{web.name}:default") == "online"


def test_t75_a_changed_manifest_is_imported_again(call: Call, web: Web) -> None:
    good(call("svccfg", "-s", web.name, "setprop config/mode = mine"))
    good(call("svccfg", "-s", f"{web.name}:default", "setprop general/enabled = false"))
    changed = web.text.replace("'slow'", "'new'").replace("'red'", "'blue'")
    web.path.write_text(changed)
    status, _, err = call("svccfg", "import", str(web.path))
    assert status == 0
    assert "config/mode was changed by an administrator" in err
    assert "config/color" not in err
    assert value(call, "config/mode", f"{web.name}:default") == "mine"
    assert value(call, "config/color", f"{web.name}:default") == "blue"
    assert value(call, "general/enabled", f"{web.name}:default", "-c") == "false"
    web.path.write_text(changed.replace("value='new'", "value='new' override='true'"))
    good(call("svccfg", "import", str(web.path)))
    assert value(call, "config/mode", f"{web.name}:default") == "new"


def test_t76_what_it_puts_upon_others_goes_with_it(place: Scenario, call: Call, web: Web) -> None:
    assert value(call, f"{web.path.stem}_late/entities", "late:default", "-c") == f"svc:/{web.name}"
    assert value(call, f"{web.path.stem}_late/external", "late", "-c") == "true"
    cat = place.stoker("cat", "late").ok().out
    assert f"{web.path.stem}_late" in cat
    status, _, err = call("svccfg", "-s", "late", f"delpg {web.path.stem}_late")
    assert status == 1 and f"svc:/{web.name}" in err
    # T77: what runs is not deleted, unless by force; then it is stopped first.
    status, _, err = call("svccfg", "delete", web.name)
    assert status == 1 and "online" in err
    good(call("svccfg", "delete", "-f", web.name))
    place.until(lambda: web.name not in place.instances(), f"{web.name} is gone")
    assert f"{web.path.stem}_late" not in place.stoker("cat", "late").ok().out
    assert call("svcprop", "-p", f"{web.path.stem}_late", "late:default")[0] == 1


def test_t80_export_import_export(place: Scenario, call: Call, web: Web) -> None:
    good(call("svccfg", "-s", web.name, "setprop config/extra = count: 3"))
    first = good(call("svccfg", "export", web.name))
    assert 'name="extra" type="count" value="3"' in first
    good(call("svccfg", "delete", "-f", web.name))
    place.until(lambda: web.name not in place.instances(), f"{web.name} is gone")
    good(call("svccfg", "import", str(place.file("again.xml", first))))
    assert good(call("svccfg", "export", web.name)) == first


def test_snapshots_and_going_back(call: Call, web: Web) -> None:
    listed = good(call("svccfg", "-s", f"{web.name}:default", "listsnap")).split()
    assert listed == ["initial", "last-import", "running", "start"]
    good(call("svccfg", "-s", web.name, "setprop config/mode = other"))
    good(call("svccfg", "-s", f"{web.name}:default", "revert"))
    assert value(call, "config/mode", f"{web.name}:default", "-c") == "slow"
    good(call("svccfg", "-s", web.name, "setprop config/mode = other"))
    good(call("svccfg", "-s", f"{web.name}:default", "refresh"))
    assert value(call, "config/mode", f"{web.name}:default", "-s", "initial") == "slow"
    good(call("svccfg", "-s", f"{web.name}:default", "revert initial"))
    good(call("svccfg", "-s", f"{web.name}:default", "refresh"))
    assert value(call, "config/mode", f"{web.name}:default") == "slow"


def test_with_what_it_was_started(place: Scenario, call: Call, web: Web) -> None:
    instance = f"{web.name}:default"

    def seen(snapshot: str) -> str:
        return value(call, "config/mode", instance, "-s", snapshot)

    assert (seen("start"), seen("running")) == ("slow", "slow")
    for mode in ("other", "third"):
        good(call("svccfg", "-s", web.name, f"setprop config/mode = {mode}"))
        good(call("svccfg", "-s", instance, "refresh"))
        assert (seen("start"), seen("running")) == ("slow", mode)
    good(call("svccfg", "-s", instance, "revert start"))
    good(call("svccfg", "-s", instance, "refresh"))
    assert value(call, "config/mode", instance) == "slow"
    good(call("svccfg", "-s", web.name, "setprop config/mode = last"))
    good(call("svccfg", "-s", instance, "refresh"))
    good(call("svcadm", "restart", "-s", web.name))
    assert (seen("start"), seen("running")) == ("last", "last")
    listed = good(call("svccfg", "-s", instance, "listsnap")).split()
    assert listed == ["initial", "last-import", "running", "start"]


def test_with_what_it_was_started_in_another_life(place: Scenario, call: Call, web: Web) -> None:
    instance = f"{web.name}:default"
    good(call("svccfg", "-s", web.name, "setprop config/mode = other"))
    good(call("svccfg", "-s", instance, "refresh"))
    assert value(call, "config/mode", instance, "-s", "start") == "slow"
    place.down()
    place.up()
    assert value(call, "config/mode", instance, "-s", "start") == "other"


def test_native_services_have_properties_too(place: Scenario, call: Call, web: Web) -> None:
    pid = place.pid("late")
    assert value(call, "restart/delay", "late:default") == "2.000000000"
    good(call("svccfg", "-s", "late", "setprop restart/delay = 5"))
    good(call("svccfg", "-s", "late:default", "refresh"))
    assert "restart.delay = 5.0" in place.stoker("cat", "late").ok().out
    place.stoker("reload").ok()
    assert "restart.delay = 5.0" in place.stoker("cat", "late").ok().out
    good(call("svccfg", "-s", "late", "delprop restart/delay"))
    good(call("svccfg", "-s", "late:default", "refresh"))
    assert "restart.delay = 2.0" in place.stoker("cat", "late").ok().out
    assert place.pid("late") == pid


def test_mistakes_are_told_and_change_nothing(call: Call, web: Web) -> None:
    for words, said in (
        (f"-s {web.name} setprop no/such = 1", "no property group no"),
        (f"-s {web.name} setprop config/new = 1", "type of config/new is not known"),
        (f"-s {web.name} setprop config/new = count: abc", "no count"),
        (f"-s {web.name} setprop restarter/state = x", "belongs to the restarter"),
        (f"-s {web.name}:default setprop restarter/state = x", "belongs to the restarter"),
        (f"-s {web.name} setprop config/mode", "setprop"),
        ("-s nothing listprop", "nothing"),
        (f"-s {web.name} refresh", "instance must be selected"),
        ("setprop a/b = 1", "must be selected"),
        ("-s late setprop restart/when = perhaps", "one of always"),
        ("-s late setprop restart/delay = count: 3", "is of type time"),
        ("delete late", "late.toml"),
        ("dance", "no command dance"),
    ):
        status, out, err = call("svccfg", *words.split())
        assert (status, out) == (1, ""), words
        assert err.startswith("svccfg: ") and said in err, words
    long = "x" * 4096
    assert call("svccfg", "-s", web.name, f"setprop config/mode = {long}")[0] == 1
    good(call("svccfg", "-s", web.name, f"setprop config/mode = {long[1:]}"))
    assert value(call, "config/mode", f"{web.name}:default", "-c") == long[1:]


def test_a_file_of_commands_stops_at_the_first_that_fails(
    place: Scenario, call: Call, web: Web
) -> None:
    path = place.file(
        "commands",
        f"# a comment\nselect {web.name}\naddpg more application\n"
        'setprop more/a = astring: \\\n  "b c"\nsetprop more/no\nsetprop more/late = astring: x\n',
    )
    status, _, err = call("svccfg", "-f", str(path))
    assert status == 1 and f"{path}:6" in err
    assert good(call("svcprop", "-c", "-p", "more", f"{web.name}:default")) == (
        "more/a astring b\\ c\n"
    )


def test_profiles_say_what_is_enabled_and_set(place: Scenario, call: Call, web: Web) -> None:
    profile = place.file(
        "profile.xml",
        DOCTYPE + "<service_bundle type='profile' name='p'>"
        f"<service name='{web.name}' type='service' version='1'><property_group name='config'>"
        "<propval name='mode' value='profiled'/></property_group></service>"
        "<service name='late' type='service' version='1'><instance name='default' "
        "enabled='false'/></service><service name='not/here' type='service' version='1'>"
        "<instance name='default' enabled='true'/></service></service_bundle>",
    )
    good(call("svccfg", "apply", str(profile)))
    assert value(call, "config/mode", f"{web.name}:default") == "profiled"
    place.wait_for("late", "disabled")
    extracted = good(call("svccfg", "extract"))
    assert '<instance name="default" enabled="false"/>' in extracted
    place.stoker("enable", "late").ok()


def test_a_manifest_with_mistakes_is_not_imported(place: Scenario, call: Call, web: Web) -> None:
    folder = place.base / "manifests"
    (folder / "below").mkdir(parents=True)
    (folder / "bad.xml").write_text(web.text.replace("'60'", "'soon'"))
    (folder / "below" / "good.xml").write_text(WEB.replace("site/web", "site/other"))
    assert call("svccfg", "validate", str(folder / "bad.xml"))[0] == 1
    assert call("svccfg", "validate", f"svc:/{web.name}") == (0, "", "")
    assert call("svccfg", "validate", "nothing/of/that/name")[0] == 1
    status, _, err = call("svccfg", "import", str(folder))
    assert status == 1 and "bad.xml:7" in err
    place.wait_for("site/other", "online")
    listed = good(call("svccfg", "list", "site/*")).split()
    assert {"site/other", web.name} <= set(listed)
    found = good(call("svccfg", "inventory", str(folder / "below" / "good.xml")))
    assert found == "svc:/site/other:default\nsvc:/site/other\n"


def test_the_native_verbs_do_the_same(place: Scenario, call: Call, web: Web) -> None:
    place.stoker("prop", "set", web.name, "config/mode=own").ok()
    assert value(call, "config/mode", f"{web.name}:default") == "own"
    rows = place.stoker("prop", "get", web.name, "config", "--json").ok().json()["properties"]
    found = {row["name"]: (row["values"], row["origin"], row["in_effect"]) for row in rows}
    assert found == {
        "config/mode": (["own"], "administrator", True),
        "config/color": (["red"], str(web.path), True),
    }
    place.stoker("prop", "set", "--later", web.name, "start/timeout_seconds=soon").ended(2)
    place.stoker("prop", "set", "--later", web.name, "start/exec=count:3").ended(2)
    place.stoker("prop", "set", "--later", web.name, "config/mode=late").ok()
    assert value(call, "config/mode", f"{web.name}:default") == "own"
    assert place.stoker("snapshot", "ls", web.name).ok().out.split()[0] == "initial"
    place.stoker("snapshot", "revert", web.name, "initial").ok()
    assert value(call, "config/mode", f"{web.name}:default") == "slow"
    text = place.stoker("export", web.name).ok().out
    assert f'<service name="{web.name}"' in text
    assert good(call("svccfg", "export", web.name)) == text
    bad = place.file("bad.xml", text.replace('"transient"', '"transient" odd="1"'))
    told = place.stoker("import", str(bad)).ended(1)
    assert "bad.xml:" in told.err and "odd" in told.err


def test_the_other_commands_of_svccfg(
    place: Scenario, call: Call, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        f"select {web.name}",
        "addpg list application",
        "setprop list/all = astring: (a b)",
        "addpropvalue list/all c",
        "delpropvalue list/all a*",
        "addpg passing application P",
        "setprop passing/x = count: 0x10",
        "setenv -m start GREETING hello",
        "setenv -m start GREETING 'good day'".replace("'", '"'),
        "listpg passing",
        "listprop list/*",
        "listprop start/environment",
        "unsetenv -m start GREETING",
        "describe config/mode",
        "add more",
        "list",
        "select more",
        "setprop general/enabled = boolean: false",
        "listprop general/enabled",
        "unselect",
        "validate",
        "delpg config",
        "listpg config",
        "end",
        "this is not reached",
    ]
    done = good(call("svccfg", "-f", str(place.file("all", "\n".join(lines)))))
    assert done.splitlines() == [
        "passing  application\tNONPERSISTENT",
        "list/all  astring b c",
        'start/environment  astring "GREETING=good day"',
        "config/mode  astring  slow",
        ":properties",
        "default",
        "more",
        "general/enabled  boolean false",
    ]
    place.wait_for(f"{web.name}:more", "disabled")
    status, _, err = call("svcprop", "-c", "-p", "config", f"{web.name}:default")
    assert status == 1 and "config" in err

    # A manifest that drops an instance keeps it, and says so.
    status, _, err = call("svccfg", "import", str(web.path))
    assert status == 0 and f"svc:/{web.name}:more is not in the manifest any more" in err
    assert f"{web.name}:more" in place.instances()
    good(call("svccfg", "delete", f"{web.name}:more"))
    place.until(lambda: f"{web.name}:more" not in place.instances(), "more is gone")

    # A file that has not changed is passed over where that is asked for.
    monkeypatch.setenv("SVCCFG_CHECKHASH", "1")
    good(call("svccfg", "import", str(web.path)))
    assert "previous" in good(call("svccfg", "-s", f"{web.name}:default", "listsnap")).split()
    archive = place.base / "archive.xml"
    good(call("svccfg", "archive", ">", str(archive)))
    assert call("svccfg", "validate", str(archive)) == (0, "", "")
    status, _, err = call("svccfg", "restore", str(archive))
    assert status == 0 and "late.toml, which counts; it is passed over" in err
