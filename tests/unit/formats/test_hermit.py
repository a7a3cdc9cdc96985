"""The TOML file of hermit_sm: each key of its table, and what we add around it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from stoker.formats import compile_place
from stoker.model import Compiled, Definition, Place, RestartOn, display

START = 'exec_start = ["test", "arg1", "arg2"]\n'
PAGE = """
# optional: override the service ID (default is based on the file name)
id = "test"

# optional: command to run before starting the service (default is none)
exec_start_pre = ["mkdir", "/run/test"]
exec_start_pre_timeout = "10s"

# required: command to run
exec_start = ["test", "arg1", "arg2"]

shutdown_timeout = "10s"

# optional: list of system dependencies for the service. available options: "TIME", "MOUNTS".
system_dependencies = ["TIME"]
"""


def test_the_example_of_its_page_is_read_as_it_stands(box: Any) -> None:
    one = box.read(PAGE)
    assert one.fmri == "svc:/test:default"
    assert (one.prepare[0].argv, one.prepare[0].timeout) == (("mkdir", "/run/test"), 10.0)
    assert one.start[0].argv == ("test", "arg1", "arg2")
    assert [(rung.signals, rung.wait) for rung in one.ladder] == [((15,), 10.0)]
    assert one.dependencies[0].targets == ("input:TIME",)


def test_id_is_given_or_from_the_file_name(box: Any) -> None:
    assert box.read(START).fmri == "svc:/it:default"
    assert box.read('id = "other"\n' + START).fmri == "svc:/other:default"


def test_exec_start_pre_is_a_command_that_must_succeed(box: Any) -> None:
    assert box.read(START).prepare == ()
    (step,) = box.read(START + 'exec_start_pre = ["mkdir", "x"]\n').prepare
    assert (step.argv, step.on_fail) == (("mkdir", "x"), "fail")


def test_exec_start_pre_timeout_is_10s_unless_given(box: Any) -> None:
    text = START + 'exec_start_pre = ["a"]\n'
    assert box.read(text).prepare[0].timeout == 10.0
    assert box.read(text + 'exec_start_pre_timeout = "250ms"\n').prepare[0].timeout == 0.25


def test_exec_start_is_required(box: Any) -> None:
    assert '"exec_start" is missing' in box.wrong('id = "x"\n')[0].message


def test_shutdown_timeout_is_10s_unless_given_and_then_it_is_killed(box: Any) -> None:
    assert box.read(START).ladder[-1].wait == 10.0
    assert box.read(START + 'shutdown_timeout = "3s"\n').ladder[-1].wait == 3.0


def test_system_dependencies_are_hard_and_none_unless_given(box: Any) -> None:
    assert box.read(START).dependencies == ()
    (group,) = box.read(START + 'system_dependencies = ["TIME", "MOUNTS"]\n').dependencies
    assert group.targets == ("input:TIME", "input:MOUNTS")
    assert (group.grouping, group.restart_on) == ("require_all", RestartOn.RESTART)


def test_durations_are_strings_with_a_unit(box: Any) -> None:
    assert box.read(START + 'shutdown_timeout = "1m30s"\n').ladder[-1].wait == 90.0
    (wrong,) = box.wrong(START + "shutdown_timeout = 10\n")
    assert wrong.hint == 'write the unit: "10s"'


def test_an_unknown_system_dependency_has_a_suggestion(box: Any) -> None:
    (wrong,) = box.wrong(START + 'system_dependencies = ["TIME", "MOUNT"]\n')
    assert (wrong.message, wrong.hint) == (
        'unknown system dependency "MOUNT"',
        'did you mean "MOUNTS"?',
    )
    assert (wrong.line, wrong.key) == (2, "system_dependencies[1]")


def test_all_mistakes_of_a_file_at_once(box: Any) -> None:
    found = box.wrong(
        'exec_start_pre = 7\nexec_start_pre_timeout = 10\nshutdown_timeout = "10 parsecs"\n'
        'system_dependencies = ["TIEM"]\nexec_strat = ["x"]\n'
    )
    assert {1, 2, 3, 4, 5} <= {one.line for one in found}
    assert any("exec_start" in one.message and "missing" in one.message for one in found)


@pytest.mark.parametrize(
    ("name", "fmri", "shown"),
    [
        ("8080", "svc:/8080:default", "8080"),
        ("a b", "svc:/a%20b:default", "a b"),
        ("agetty-1@tty", "svc:/agetty-1:tty", "agetty-1:tty"),
    ],
)
def test_file_names_that_are_no_names_of_smf(box: Any, name: str, fmri: str, shown: str) -> None:
    box.toml(name, START)
    (one,) = box.compile().definitions
    assert (one.fmri, display(one.fmri)) == (fmri, shown)


def test_a_file_that_vanishes_between_listing_and_reading_hurts_no_other(
    box: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stoker.formats import entry

    box.toml("a", START)
    box.toml("b", START)
    gone = Path(box.directory) / "a.toml"
    real = entry.slurp

    def slurp(path: str, *rest: Any) -> bytes:
        if path == str(gone):
            gone.unlink(missing_ok=True)
        return real(path, *rest)

    for module in ("toml", "entry"):
        monkeypatch.setattr(f"stoker.formats.{module}.slurp", slurp)
    found = box.compile()
    assert [one.fmri for one in found.definitions] == ["svc:/b:default"]
    assert [one.message for one in found.errors] and "a.toml" in str(found.errors[0].file)


# -- several directories


def directories(tmp_path: Path, *names: str, watch: str = "") -> Place:
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.mkdir(exist_ok=True)
    more = ", ".join(f'"{path.name}"' for path in paths[1:])
    (tmp_path / "settings.toml").write_text(f"directories = [{more}]\n{watch}")
    return Place(
        kind="project",
        directories=[str(paths[0])],
        runtime=str(tmp_path / "run"),
        state=str(tmp_path / "state"),
        logs=str(tmp_path / "logs"),
        settings=[str(tmp_path / "settings.toml")],
        working_directory="/",
        uid=0,
    )


def by_name(compiled: Compiled) -> dict[str, Definition]:
    return {display(one.fmri): one for one in compiled.definitions}


def test_of_several_directories_the_first_that_has_a_name_wins(tmp_path: Path) -> None:
    place = directories(tmp_path, "first", "second", "third")
    (tmp_path / "third" / "a.toml").write_text('exec_start = ["third"]\n')
    (tmp_path / "second" / "a.toml").write_text('exec_start = ["second"]\n')
    (tmp_path / "third" / "b.toml").write_text('exec_start = ["third"]\n')
    found = by_name(compile_place(place))
    assert found["a"].start[0].argv == ("second",)
    assert found["b"].start[0].argv == ("third",)
    (tmp_path / "first" / "b.toml").write_text('exec_start = ["first"]\n')
    assert by_name(compile_place(place))["b"].start[0].argv == ("first",)


def test_a_file_that_becomes_bad_keeps_the_last_good_one_wherever_it_is(tmp_path: Path) -> None:
    place = directories(tmp_path, "first", "second")
    (tmp_path / "second" / "a.toml").write_text('exec_start = ["good"]\n')
    before = compile_place(place)
    (tmp_path / "second" / "a.toml").write_text("exec_start = [")
    after = compile_place(place, before)
    assert by_name(after)["a"].start[0].argv == ("good",)
    assert after.errors and after.kept == ["svc:/a:default"]


def test_a_directory_that_cannot_be_read_does_not_uncover_what_it_hides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = directories(tmp_path, "first", "second", "third")
    for name in ("first", "second", "third"):
        (tmp_path / name / f"only-{name}.toml").write_text(START)
        (tmp_path / name / "a.toml").write_text(f'exec_start = ["{name}"]\n')
    (tmp_path / "first" / "a.toml").unlink()
    before = compile_place(place)
    real = os.scandir

    def scandir(path: str) -> Any:
        if path == str(tmp_path / "second"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    after = by_name(compile_place(place, before))
    assert set(after) == {"a", "only-first", "only-second", "only-third"}
    assert after["a"].start[0].argv == ("second",)
    (tmp_path / "first" / "a.toml").write_text('exec_start = ["first"]\n')
    assert by_name(compile_place(place, before))["a"].start[0].argv == ("first",)


# -- watchers


def needs(*conditions: str) -> str:
    return START + f"system_dependencies = {list(conditions)!r}\n".replace("'", '"')


def names(compiled: Compiled) -> set[str]:
    return {display(one.fmri) for one in compiled.definitions if one.gives}


def test_a_watcher_is_there_while_a_service_names_its_condition(box: Any) -> None:
    box.toml("a", START)
    assert names(box.compile()) == set()
    box.toml("a", needs("TIME"))
    box.toml("b", START + '[[dependency]]\ntargets = ["input:NETWORK"]\n')
    assert names(box.compile()) == {"stoker/time", "stoker/network"}
    box.toml("a", needs("MOUNTS"))
    assert names(box.compile()) == {"stoker/mounts", "stoker/network"}


def test_a_definition_that_gives_a_condition_stands_in_for_our_watcher(box: Any) -> None:
    box.toml("a", needs("TIME", "MOUNTS"))
    box.toml("clock", START + 'gives = ["TIME"]\n')
    assert names(box.compile()) == {"clock", "stoker/mounts"}


def test_one_of_the_same_id_takes_the_place_of_our_watcher(box: Any) -> None:
    box.toml("a", needs("TIME"))
    box.toml("mine", START + 'id = "stoker/time"\n')
    found = by_name(box.compile())
    assert found["stoker/time"].start[0].argv == ("test", "arg1", "arg2")


def test_the_settings_say_which_watchers_may_be(box: Any) -> None:
    box.toml("a", needs("TIME", "MOUNTS"))
    settings = Path(box.directory) / ".stoker.toml"
    settings.write_text('watchers = ["MOUNTS", "active"]\n')
    assert names(box.compile()) == {"stoker/mounts", "stoker/sleep"}
    settings.write_text('watchers = ["TIEM"]\n')
    assert box.compile().errors[0].hint == 'did you mean "TIME"?'


def test_all_our_watchers_are_right_and_run_without_a_shell(box: Any) -> None:
    box.toml("a", needs("TIME", "MOUNTS", "NETWORK"))
    (Path(box.directory) / ".stoker.toml").write_text(
        'watchers = ["TIME", "MOUNTS", "NETWORK", "active"]\n'
    )
    found = box.compile()
    assert found.mistakes == []
    ours = [one for one in found.definitions if one.gives]
    assert sorted(name for one in ours for name in one.gives) == [
        "MOUNTS",
        "NETWORK",
        "TIME",
        "active",
    ]
    for one in ours:
        assert one.start[0].argv[1:4] == ("-I", "-S", "-c")
        assert one.ready.kind == "notify"
        assert one.description


def test_what_is_given_has_a_name(box: Any) -> None:
    (wrong,) = box.wrong(START + 'gives = ["VPN", "a b"]\n')
    assert "is not the name of a condition" in wrong.message
