"""Verbs against a manager with nothing behind it: what is asked, what is printed, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stoker.cli import main
from stoker.cli.commands import explain
from stoker.cli.commands.cat import _origin
from stoker.cli.say import local
from stoker.errors import Failed, NotYet, StokerError
from stoker.model import Role, Settings


@pytest.fixture
def run(door: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("STOKER_RUNTIME_DIR", door.fake.place.runtime)
    monkeypatch.chdir(door.fake.place.name)

    def run(*words: str) -> tuple[int, str, str]:
        status = main(list(words))
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_ls_has_the_columns_and_a_row_each(run: Any) -> None:
    status, out, _ = run("ls")
    lines = out.splitlines()
    assert status == 0
    assert lines[0].split() == ["STATE", "NAME", "PID", "SINCE", "RESTARTS", "NOTE"]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["online", "a", "4242"], ["online", "b", "4242"], ["online", "web", "4242"],
    ]  # fmt: skip
    assert "\x1b" not in out


def test_ls_exits_0_while_things_are_down(run: Any, door: Any) -> None:
    row = door.fake.rows["svc:/web:default"]
    row.state, row.pid, row.waiting_for = "offline", None, ["db is disabled", "c is offline"]
    status, out, _ = run("ls", "web")
    assert status == 0
    assert "db is disabled (and 1 more)" in out
    assert " - " in out


def test_json_has_a_version_and_the_fields_promised(run: Any) -> None:
    status, out, _ = run("ls", "--json")
    answer = json.loads(out)
    assert (status, answer["version"]) == (0, 1)
    promised = {
        *("fmri", "name", "enabled", "wanted", "state", "next_state", "reason", "state_time"),
        "since",
        *("phase", "pid", "contract", "restarts", "waiting_for", "cause"),
    }
    assert promised <= set(answer["instances"][0])


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("done", 0), ("failed", 1), ("impossible", 1), ("waiting", 5), ("superseded", 1)],
)
def test_an_operation_s_outcome_is_the_exit_status(
    run: Any, door: Any, outcome: str, status: int
) -> None:
    door.fake.outcome = outcome
    assert run("start", "web")[0] == status


def test_the_request_says_all_that_was_said(run: Any, door: Any) -> None:
    run("disable", "--reason", "disk swap", "--until", "+2h", "--later", "web")
    (request,) = door.fake.requests
    assert request.why == "disk swap"
    assert request.later
    assert request.until is not None
    run("signal", "HUP", "web")
    assert door.fake.requests[1].signal == 1
    run("mark", "degraded", "web")
    assert door.fake.requests[2].state == "degraded"
    run("system", "set", "TIME", "unmet")
    told = door.fake.requests[3]
    assert (told.verb, told.input, told.value) == ("set", "TIME", False)


def test_without_waiting_the_number_is_printed(run: Any, door: Any) -> None:
    door.fake.outcome = ""
    assert run("stop", "--no-wait", "web")[:2] == (0, "1\n")


def test_the_time_given_bounds_the_wait(run: Any, door: Any) -> None:
    door.fake.outcome = ""
    status, _, err = run("stop", "--timeout", "10ms", "web")
    assert status == 5
    assert "not yet" in err


def test_what_it_waits_for_is_said(run: Any, door: Any) -> None:
    door.fake.outcome = ""
    door.fake.rows["svc:/web:default"].waiting_for = ["db is offline"]
    _, _, err = run("start", "--timeout", "1100ms", "web")
    assert "web: waits: db is offline" in err


def test_names_are_looked_up_by_the_manager(run: Any) -> None:
    status, _, err = run("stop", "wbe")
    assert status == 4
    assert "did you mean web?" in err


@pytest.mark.parametrize(
    ("state", "hopeless", "status"),
    [("online", False, 0), ("maintenance", True, 1), ("offline", False, 5)],
)
def test_wait(run: Any, door: Any, state: str, hopeless: bool, status: int) -> None:
    row = door.fake.rows["svc:/web:default"]
    row.state, row.hopeless = state, hopeless
    assert run("wait", "--for", "online", "--timeout", "50ms", "web")[0] == status


def test_cat_masks_and_says_where_from(run: Any) -> None:
    _, out, _ = run("cat", "web")
    assert "hush" not in out
    assert "***" in out


def test_status_of_the_place(run: Any) -> None:
    _, out, _ = run("status")
    assert "generation 3" in out
    _, out, _ = run("status", "--json")
    assert json.loads(out)["manager"]["keeper_pid"] == 1


def test_status_shows_who_chose_so_and_until_when(run: Any, door: Any) -> None:
    plain = door.fake.status

    def status(fmri: str) -> Any:
        found = plain(fmri)
        found.choice = {
            "enabled": False, "by": "root", "when": "2026-01-01T00:00:00Z", "why": "disk swap",
            "until": "2026-01-02T00:00:00Z", "later": True,
        }  # fmt: skip
        return found

    door.fake.status = status
    _, out, _ = run("status", "web")
    for part in ("disabled", "by root", "disk swap", "until 2026-01-02", "from the next boot"):
        assert part in out


def test_events_are_printed_and_resume(run: Any, door: Any) -> None:
    for state in ("offline", "online"):
        door.fake.happens("svc:/web:default", to=state, next=None, cause="asked by root")
    _, out, _ = run("events")
    assert len(out.splitlines()) == 2
    assert "asked by root" in out
    _, out, _ = run("events", "--cursor", "1", "--json")
    assert [json.loads(line)["cursor"] for line in out.splitlines()] == [2]


def test_an_event_tells_what_begins_from_what_is_done(run: Any, door: Any) -> None:
    for data in (
        {"from": "offline", "to": "offline", "next": "online"},
        {"from": "offline", "to": "online", "next": None},
        {"from": "online", "to": "online", "next": "online"},
    ):
        door.fake.happens("svc:/web:default", **data)
    _, out, _ = run("events")
    said = [line.partition("web: ")[2] for line in out.splitlines()]
    assert said == ["offline, becoming online", "offline → online", "online, refreshing"]


def test_a_refresh_that_ran_nothing_says_so(run: Any) -> None:
    _, out, _ = run("refresh", "web")
    assert "nothing was run" in out


def test_completion_of_names(run: Any) -> None:
    assert run("completion", "--names")[:2] == (0, "a\nb\nweb\n")


def test_help_in_all_its_spellings(run: Any) -> None:
    page = run("help", "stop")[1]
    assert run("stop", "--help")[1] == page
    assert run("help", "sto")[1] == page
    assert "stoker stop [OPTION…] NAME…" in page
    assert json.loads(run("help", "--json")[1])["version"] == 1
    assert run("help", "stpo")[0] == 2


def test_without_a_manager_it_says_which_socket_and_how_to_start_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    assert main(["-C", str(tmp_path), "ls"]) == 3
    err = capsys.readouterr().err
    assert "control" in err
    assert f"stoker up {tmp_path}" in err


def test_nothing_is_completed_without_a_manager(
    capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    assert main(["-C", str(tmp_path), "completion", "--names"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("key", "origin"),
    [
        ("start", "web.toml:3 (exec_start)"),
        ("context.environment.PORT", "web.toml:7"),
        ("context.environment.OTHER", "web.toml:6 (environment)"),
        ("ladder", "web.toml:4 (shutdown_timeout)"),
        ("restart.cap", "web.toml:9"),
        ("description", ""),
    ],
)
def test_where_a_value_was_written(key: str, origin: str) -> None:
    origins = {
        "exec_start": "/x/web.toml:3",
        "shutdown_timeout": "/x/web.toml:4",
        "environment": "/x/web.toml:6",
        "environment.PORT": "/x/web.toml:7",
        "restart.cap": "/x/web.toml:9",
    }
    assert _origin(key, origins) == origin


def test_a_full_standard_output_is_a_sentence(door: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from stoker.cli import main; sys.exit(main(['help']))"],
        stdout=open("/dev/full", "w"),  # noqa: SIM115
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "db.toml").write_text('exec_start = ["sleep", "9"]\n')
    (tmp_path / "web.toml").write_text(
        'exec_start = ["sleep", "9"]\n[[dependency]]\ntargets = ["db"]\n'
    )
    return tmp_path


def test_check_says_what_would_start_in_order(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "notes.txt").write_text("")
    assert main(["check", str(project), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["order"] == [["svc:/db:default"], ["svc:/web:default"]]
    assert [Path(one["path"]).name for one in found["ignored"]] == ["notes.txt"]
    assert main(["check", str(project)]) == 0
    out = capsys.readouterr().out
    assert out.index("1. db") < out.index("2. web")
    assert not (project / ".stoker").exists()


def test_a_dry_run_of_up_where_it_is_up_is_a_reload_s(run: Any, door: Any) -> None:
    status, out, _ = run("up", "--dry-run", "--json")
    assert (status, json.loads(out)["changes"]) == (0, [])
    assert door.fake.reloads == 1


def test_up_of_somebody_else_s_place_is_a_reload_and_leaves_its_environment_alone(
    run: Any, door: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = os.getuid()
    door.fake.settings = Settings(roles=(Role("administer", users=("*",)),))
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    status, _, err = run("up", "-d")
    assert (status, err) == (0, "")
    assert door.fake.reloads == 1
    assert not Path(door.fake.place.runtime, "environment").exists()


def test_up_that_does_not_wait_prints_the_number_of_the_settling(run: Any, door: Any) -> None:
    status, out, _ = run("up", "--no-wait", "--json")
    number = json.loads(out)["operation"]["number"]
    assert (status, door.fake.reloads) == (0, 1)
    assert door.ask("GET", f"/v1/operations/{number}")[0] == 200


def test_a_dry_run_of_up_where_nothing_runs_is_check(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(project)]) == 0
    checked = capsys.readouterr().out
    assert main(["up", "--dry-run", str(project)]) == 0
    assert capsys.readouterr().out == checked
    assert not (project / ".stoker").exists()


def test_check_finds_all_mistakes_at_once(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "one.toml").write_text("exec_strat = 1\n")
    (project / "two.toml").write_text("[[[")
    assert main(["check", str(project)]) == 1
    out = capsys.readouterr().out
    assert "one.toml:1" in out
    assert "exec_start" in out
    assert "two.toml" in out
    assert main(["check", "--json", str(project)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert {Path(one["file"]).name for one in told["mistakes"]} == {"one.toml", "two.toml"}
    assert {one["level"] for one in told["mistakes"]} == {"error"}
    assert [one["line"] for one in told["mistakes"] if one["key"] == "exec_strat"] == [1]


def test_check_draws_loops(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "db.toml").write_text(
        'exec_start = ["sleep", "9"]\n[[dependency]]\ntargets = ["web"]\n'
    )
    assert main(["check", str(project)]) == 1
    out = capsys.readouterr().out
    assert f"{project / 'db.toml'}:2: error: dependency loop: db → web → db" in out
    assert "would not start: db, web" in out


def test_explain_draws_the_chain(capsys: pytest.CaptureFixture[str]) -> None:
    explain.show(
        {
            "fmri": "svc:/web:default",
            "state": "offline",
            "up": False,
            "why": [
                {"fmri": "svc:/web:default", "text": "it requires db", "depth": 0},
                {"fmri": "svc:/db:default", "text": "it was disabled by root", "depth": 1},
            ],
            "would_change": [
                {"text": "enabling db", "command": "stoker enable db", "at": ""},
                {"text": "waiting", "command": "", "at": "2026-01-02T03:04:05.678901Z"},
            ],
        }
    )
    then = local("2026-01-02T03:04:05.678901Z")
    assert then.startswith("2026-01-0") and "T" not in then
    assert capsys.readouterr().out.splitlines() == [
        "web is offline",
        "  because it requires db",
        "    because db: it was disabled by root",
        "  would change it: enabling db: stoker enable db",
        f"  would change it: waiting at {then}",
    ]


def test_new_writes_what_check_finds_good_and_never_overwrites(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["-C", str(tmp_path), "new", "web", "--", "sleep", "9"]) == 0
    assert main(["check", str(tmp_path)]) == 0
    before = (tmp_path / "web.toml").read_text()
    assert main(["-C", str(tmp_path), "new", "web", "--", "other"]) == 1
    assert (tmp_path / "web.toml").read_text() == before
    assert "is there already" in capsys.readouterr().err


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert "exec_start" in json.loads(capsys.readouterr().out)["properties"]
    assert main(["schema", "--settings", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1


def test_reexec_says_who_answers_now(run: Any, door: Any) -> None:
    status, out, _ = run("reexec")
    assert (status, door.fake.generation) == (0, 4)
    assert f"process {os.getpid()}" in out


@pytest.mark.parametrize(("kind", "expected"), [(Failed, 1), (NotYet, 5)])
def test_reexec_says_at_once_why_nothing_is_replaced(
    run: Any, door: Any, kind: type[StokerError], expected: int
) -> None:
    door.fake.trouble = kind("it is broken", hint="mend it")
    status, _out, err = run("reexec")
    assert (status, door.fake.generation) == (expected, 3)
    assert "it is broken" in err and "mend it" in err
