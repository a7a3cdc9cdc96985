"""Directories as services: families, relations, identity, logs (nosh.md 1; C2, C3, C37, C54)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from stoker.formats import bundle, compile_place
from stoker.formats.bundle_kinds import family
from stoker.model import Definition

PROGRAM = "#!/bin/sh\nexit 0\n"


def make(root: Path, *names: str, **texts: str) -> Path:
    """A bundle with these programs, and files with these texts ("_" stands for "-")."""
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(PROGRAM)
        file.chmod(0o755)
    for name, text in texts.items():
        (root / name.replace("_", "-")).write_text(text)
    return root


def link(bundle: Path, relation: str, to: Path, name: str = "") -> None:
    (bundle / relation).mkdir(exist_ok=True)
    (bundle / relation / (name or to.name)).symlink_to(to)


def read(box: Any) -> dict[str, Definition]:
    compiled = box.compile()
    assert [one.message for one in compiled.mistakes if one.level == "error"] == []
    return {
        one.fmri.removeprefix("svc:/").removesuffix(":default"): one for one in compiled.definitions
    }


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (("service/run",), "nosh"),
        (("run", "restart"), "nosh"),
        (("run", "start"), "encore"),
        (("run", "finish"), "runit"),
        (("run", "check"), "runit"),
        (("run", "finish", "notification-fd"), "s6"),
        (("run",), "daemontools"),
    ],
)
def test_a_family_is_known_by_what_only_it_has(tmp_path: Path, names: Any, name: str) -> None:
    assert family(str(make(tmp_path / "x", *names))).name == name


def test_a_plain_one_is_of_the_family_of_what_it_is_in(box: Any, tmp_path: Path) -> None:
    for name, file in (("runit", "finish"), ("six", "notification-fd"), ("encore", "stop")):
        make(box.directory / name, "run", "log/run")
        (box.directory / name / file).write_text("4")
    make(box.directory / "own", "run", "finish", "log/run", "log/start")
    debian = make(box.directory / "debian", "run", "log/run")
    (debian / "supervise").symlink_to("/run/runit/supervise.debian")
    forms = {name: one.supervise and one.supervise.form for name, one in read(box).items()}
    assert forms == {
        **dict.fromkeys(("runit", "runit/log", "own", "debian", "debian/log"), "runit"),
        **dict.fromkeys(("six", "six/log"), "s6"),
        **dict.fromkeys(("encore", "own/log"), "encore"),
        "encore/log": "daemontools",
    }


def test_programs_of_a_nosh_bundle_are_its_phases(box: Any) -> None:
    make(
        box.directory / "web", *(f"service/{name}" for name in ("start", "run", "restart", "stop"))
    )
    one = read(box)["web"]
    assert [step.argv for step in (*one.prepare, *one.start, *one.decide, *one.cleanup)] == [
        ("./start",),
        ("./run",),
        ("./restart",),
        ("./stop",),
    ]
    assert one.prepare[0].on_fail == "ignore"  # its exit status is ignored
    assert one.context.working_directory == str(box.directory / "web" / "service")
    assert (one.ends, one.rebegin, one.decide_by, one.model) == (
        "empty",
        "start",
        "program",
        "contract",
    )
    assert [(rung.signals, rung.wait) for rung in one.ladder] == [((15, 18), 30.0)] * 3


def test_flags_of_a_nosh_bundle(box: Any) -> None:
    for flag in ("down", "remain", "ready_after_run", "use_hangup", "no_kill_signal"):
        make(box.directory / flag, "service/run")
        (box.directory / flag / "service" / flag).touch()
    found = read(box)
    assert not found["down"].enabled
    assert found["remain"].ends == "never"
    once = found["ready_after_run"]
    assert (once.ready.kind, once.ends) == ("exit", "main")
    assert [rung.signals for rung in found["use_hangup"].ladder] == [(1, 15, 18)] * 3
    last = found["no_kill_signal"].ladder[-1]
    assert (len(found["no_kill_signal"].ladder), last.wait) == (4, None)


def test_what_plain_directories_say(box: Any) -> None:
    make(box.directory / "plain", "run")
    make(box.directory / "runs", "run", "finish", "check")
    make(box.directory / "six", "run", "finish", notification_fd="4\n", timeout_kill="2500\n")
    make(box.directory / "off", "run", down="")
    found = read(box)
    plain, runs, six = found["plain"], found["runs"], found["six"]
    assert (plain.decide, plain.restart.delay, plain.restart.reset_after) == ((), 1.0, 1.0)
    assert (runs.decide_by, runs.decide_arguments, runs.ready.kind) == ("policy", "code", "probe")
    assert (six.ready.kind, six.ready.fd, six.decide_arguments) == ("fd", 4, "pair")
    assert six.restart.fatal_exits == (125,)
    assert six.decide[0].timeout == 5.0  # s6-supervise's own patience with finish
    assert [(rung.signals, rung.wait) for rung in six.ladder] == [((15, 18), 2.5)]
    assert not found["off"].enabled


def test_sources_of_s6_rc(box: Any) -> None:
    make(box.directory / "db", "run", type="longrun\n")
    make(box.directory / "mount", type="oneshot\n", up="mount /x\n", down="umount /x\n")
    make(box.directory / "all", type="bundle\n", contents="db\nmount\n")
    (box.directory / "db" / "dependencies.d").mkdir()
    (box.directory / "db" / "dependencies.d" / "mount").touch()
    found = read(box)
    assert found["db"].dependencies[0].targets == ("svc:/mount:default",)
    assert found["mount"].start[0].argv == ("mount", "/x")
    assert found["mount"].stop[0].argv == ("umount", "/x")
    assert (found["mount"].ready.kind, found["mount"].ends) == ("exit", "never")
    assert found["mount"].enabled  # here `down` is the way down, not the flag
    assert found["all"].wants == ("svc:/db:default", "svc:/mount:default")


def test_relations_are_links(box: Any) -> None:
    others = [make(box.directory / name, "run") for name in ("a", "b", "c", "d", "e")]
    one = make(box.directory / "one", "service/run")
    relations = ("wants", "conflicts", "after", "before", "required-by")
    for relation, other in zip(relations, others, strict=True):
        link(one, relation, other)
    (one / "wants" / ".hidden").symlink_to(others[1])
    (one / "wants" / "note.txt").write_text("not a link")
    (one / "wants" / "gone").symlink_to(box.directory / "nowhere")
    compiled = box.compile()
    found = {item.fmri: item for item in compiled.definitions}["svc:/one:default"]
    assert (found.wants, found.conflicts) == (("svc:/a:default",), ("svc:/b:default",))
    assert (found.after, found.before) == (("svc:/c:default",), ("svc:/d:default",))
    assert found.required_by == ("svc:/e:default",)
    (warning,) = compiled.mistakes
    assert warning.level == "warning"
    assert warning.file == str(one / "wants" / "gone")


MANIFEST = """\
<?xml version="1.0"?>
<!DOCTYPE service_bundle SYSTEM "/usr/share/lib/xml/dtd/service_bundle.dtd.1">
<service_bundle type="manifest" name="db">
  <service name="site/db" type="service" version="1">
    <exec_method type="method" name="start" exec="/bin/true" timeout_seconds="60"/>
    <exec_method type="method" name="stop" exec=":kill" timeout_seconds="60"/>
    <instance name="one" enabled="false"/>
    <instance name="two" enabled="false"/>
  </service>
</service_bundle>
"""


def test_a_link_to_what_is_no_manifest_is_passed_over(box: Any) -> None:
    one = make(box.directory / "one", "run", "restart")
    far = box.directory / ".far"
    far.mkdir()
    (far / "bad.xml").write_text("<x/>")
    link(one, "wants", far / "bad.xml")
    compiled = box.compile()
    assert [item.wants for item in compiled.definitions] == [()]
    (warning,) = compiled.mistakes
    assert warning.level == "warning" and "no manifest" in warning.message


def test_links_lead_to_other_formats_too(box: Any) -> None:
    box.toml("web", 'id = "site/web"\nexec_start = ["true"]\n')
    box.script("old")
    one = make(box.directory / "one", "run", "restart")
    link(one, "wants", box.directory / "web.toml")
    link(one, "wants", box.directory / "old")
    link(one, "wants", box.directory / "old", "svc:lib")
    (box.directory / "site.xml").write_text(MANIFEST)
    link(one, "wants", box.directory / "site.xml")
    assert set(read(box)["one"].wants) == {
        "svc:/site/db:one",
        "svc:/site/db:two",
        "svc:/site/web:default",
        "svc:/old:default",
        "svc:/lib:default",
    }


def test_two_names_of_one_directory_are_one_service(box: Any) -> None:
    make(box.directory / "first", "run")
    (box.directory / "second").symlink_to(box.directory / "first")
    compiled = box.compile()
    assert [one.fmri for one in compiled.definitions] == ["svc:/first:default"]
    assert [why for path, why in compiled.ignored if path.endswith("/second")] == [
        "another name of the bundle first"
    ]


def test_a_bundle_elsewhere_is_there_for_what_wants_it(box: Any, tmp_path: Path) -> None:
    far = make(tmp_path / "far away" / "db", "run", "restart")
    deeper = make(tmp_path / "far away" / "deep", "run")
    link(far, "wants", deeper)
    link(far, "wants", far, "myself")
    one = make(box.directory / "one", "run", "restart")
    link(one, "wants", far)
    found = {item.source: item for item in box.compile().definitions}
    assert found[str(one)].wants == (found[str(far)].fmri,)
    assert found[str(far)].fmri.startswith("svc:/bundle/")
    assert not found[str(far)].enabled
    assert found[str(far)].wants == (found[str(deeper)].fmri, found[str(far)].fmri)


def test_a_log_beside_run_is_a_service_that_reads(box: Any) -> None:
    make(box.directory / "web", "run", "log/run")
    found = read(box)
    web, log = found["web"], found["web/log"]
    assert (web.log.mode, web.log.path, web.stdin) == ("service", log.fmri, "null")
    assert log.stdin == "pipe"
    assert log.fmri in web.wants
    assert log.fmri in web.after


def test_one_log_service_for_many(box: Any) -> None:
    log = make(box.directory / "logger", "service/run")
    for name in ("a", "b"):
        (make(box.directory / name, "service/run") / "log").symlink_to(log)
    found = read(box)
    assert found["logger"].stdin == "pipe"
    assert {found[name].log.path for name in ("a", "b")} == {"svc:/logger:default"}


def test_a_bundle_and_a_file_of_one_name_are_both_refused(box: Any) -> None:
    make(box.directory / "web", "run")
    box.toml("web", 'exec_start = ["true"]\n')
    compiled = box.compile()
    assert compiled.definitions == []
    assert len([one for one in compiled.mistakes if "defined twice" in one.message]) == 2


def test_links_in_a_circle_are_passed_over(box: Any) -> None:
    one = make(box.directory / "one", "run", "restart")
    (one / "wants").mkdir()
    (one / "wants" / "round").symlink_to(one / "wants" / "round")
    compiled = box.compile()
    assert [item.fmri for item in compiled.definitions] == ["svc:/one:default"]
    assert [item.level for item in compiled.mistakes] == ["warning"]


def test_numbers_that_are_none_are_said(box: Any) -> None:
    one = make(box.directory / "six", "run", notification_fd="three\n", down_signal="NONSENSE\n")
    compiled = box.compile()
    assert {(item.file, item.level) for item in compiled.mistakes} == {
        (str(one / "notification-fd"), "warning"),
        (str(one / "down-signal"), "warning"),
    }
    (made,) = compiled.definitions
    assert made.ready.kind == "spawn"
    assert made.ladder[0].signals == (15, 18)


def test_what_cannot_be_said_of_one_elsewhere_keeps_nobody_from_being_read(
    box: Any, tmp_path: Path
) -> None:
    odd = make(tmp_path / os.fsdecode(b"\xff"), "run")
    web = make(box.directory / "web", "run")
    link(web, "wants", odd, "odd")
    compiled = box.compile()
    errors = [one.message for one in compiled.mistakes if one.level == "error"]
    assert errors == ["its path is not UTF-8"]
    assert [one.fmri for one in compiled.definitions] == ["svc:/web:default"]


def test_a_bundle_that_goes_while_it_is_read_is_no_more_than_a_mistake(
    box: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = make(tmp_path / "far", "run")
    link(make(box.directory / "web", "run"), "wants", far)
    log = make(tmp_path / "log", "run")
    (far / "log").symlink_to(log)
    look = bundle.identify

    def gone(path: str, known: Any) -> str:
        if path == str(far / "log"):
            raise FileNotFoundError(2, "gone", path)
        return look(path, known)

    monkeypatch.setattr(bundle, "identify", gone)
    compiled = box.compile()
    assert [one.file for one in compiled.mistakes if one.level == "error"] == [str(far)]
    assert [one.fmri for one in compiled.definitions] == ["svc:/web:default"]


def test_numbers_that_are_too_large_are_said(box: Any) -> None:
    one = make(box.directory / "six", "run", notification_fd="9" * 30, timeout_kill="9" * 6000)
    compiled = box.compile()
    assert [(one.file, one.level) for one in compiled.mistakes] == [
        (str(one / "notification-fd"), "warning"),
        (str(one / "timeout-kill"), "warning"),
    ]
    assert compiled.definitions[0].ready.kind == "spawn"


def test_a_tree_comes_up_by_its_target_normal(box: Any) -> None:
    services, targets = box.directory / "services", box.directory / "targets"
    for name in ("normal", "server", "shutdown"):
        make(targets / name, "service/run")
    for name in ("web", "other", "server"):
        make(services / name, "service/run")
    link(targets / "normal", "wants", targets / "server")
    link(targets / "server", "wants", services / "web")
    link(services / "web", "after", targets / "server")
    found = read(box)
    assert set(found) == {
        *("target/normal", "target/server", "target/shutdown", "web", "other", "server"),
    }
    assert [name for name, one in found.items() if one.enabled] == ["target/normal"]
    assert found["target/normal"].wants == ("svc:/target/server:default",)
    assert found["target/server"].wants == ("svc:/web:default",)
    assert found["web"].after == ("svc:/target/server:default",)
    assert box.compile().mistakes == []


def test_without_a_target_normal_the_services_of_a_tree_come_up(box: Any) -> None:
    make(box.directory / "targets" / "server", "service/run")
    make(box.directory / "services" / "web", "service/run")
    make(box.directory / "services" / "off", "service/run")
    (box.directory / "services" / "off" / "service" / "down").touch()
    found = read(box)
    assert [name for name, one in sorted(found.items()) if one.enabled] == ["web"]


def test_a_link_into_the_search_path_has_the_name_that_is_looked_for(
    box: Any, own_home: Path
) -> None:
    above = own_home / ".config" / "service-bundles"
    server = make(above / "targets" / "server", "service/run")
    web = make(above / "services" / "web", "service/run")
    taken = make(above / "services" / "one", "service/run")
    one = make(box.directory / "one", "run", "restart")
    for other in (server, web, taken):
        link(one, "wants", other, f"{other.parent.name}-{other.name}")
    place = box.place
    place.kind = "user"  # whose search path is in the home directory
    found = {item.source: item for item in compile_place(place).definitions}
    assert set(found[str(one)].wants) == {
        "svc:/target/server:default",
        "svc:/web:default",
        f"svc:/bundle{taken}:default",  # the name is that of another directory
    }
