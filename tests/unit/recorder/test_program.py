"""The recorder as a process, between a keeper and a manager."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from recorder_place import NONCE, Recorder, until

from stoker.repository import Repository

WEB = "svc:/web:default"
DB = "svc:/db:default"
CHOICE = {"enabled": False, "by": "root", "when": 5, "why": "rest", "until": None}


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with Recorder(tmp_path) as one:
        one.start()
        yield one


def texts(recorder: Recorder, **asked: object) -> list[str]:
    return [one["text"] for one in recorder.ask({"do": "logs", **asked})]


def test_choices_come_back_to_the_next_manager(recorder: Recorder) -> None:
    assert recorder.hear("hello") == ["hello", 1]
    recorder.tell("hello", 7)
    assert recorder.hear("intents") == ["intents", 7, {}, False]
    for token in range(50):
        recorder.tell("save", token, f"svc:/s{token}:default", CHOICE)
    assert [recorder.hear("saved")[1] for _ in range(50)] == list(range(50))
    recorder.tell("save", 99, "svc:/s0:default", None)
    assert recorder.hear("saved") == ["saved", 99]
    recorder.tell("hello", 8)
    _, generation, intents, more = recorder.hear("intents")
    assert (generation, more) == (8, False)
    assert intents == {f"svc:/s{n}:default": CHOICE for n in range(1, 50)}


def test_many_choices_come_in_several_packets(recorder: Recorder) -> None:
    why = "because " * 100
    for token in range(200):
        recorder.tell("save", token, f"svc:/s{token}:default", {**CHOICE, "why": why})
        recorder.hear("saved")
    recorder.tell("hello", 2)
    packets = [recorder.hear("intents")]
    while packets[-1][3]:
        packets.append(recorder.hear("intents"))
    assert len(packets) > 1
    found = {fmri: one for packet in packets for fmri, one in packet[2].items()}
    assert found == {f"svc:/s{n}:default": {**CHOICE, "why": why} for n in range(200)}


def test_a_choice_that_makes_no_sense_is_refused_alone(recorder: Recorder) -> None:
    recorder.tell("save", 1, WEB, {"enabled": "perhaps"})
    recorder.tell("save", 2, DB, CHOICE)
    assert recorder.hear("unsaved")[1] == 1
    assert recorder.hear("saved") == ["saved", 2]


def test_messages_without_sense_change_nothing(recorder: Recorder) -> None:
    recorder.manager.send(b"\xff\0 no json")
    recorder.manager.send(b"[]")
    recorder.tell("sing", 1)
    recorder.tell("run", 1)
    recorder.tell("save")
    recorder.settle()
    assert "not understood" in recorder.log.read_text()


def test_a_choice_that_was_answered_survives_death_at_once(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        recorder.start("committed:1")
        recorder.tell("save", 1, WEB, CHOICE)
        assert recorder.died() == -signal.SIGKILL
        recorder.start()
        # Not answered, so the manager asks again; it is there nevertheless, once.
        recorder.tell("save", 1, WEB, CHOICE)
        assert recorder.hear("saved") == ["saved", 1]
        assert recorder.stop() == 0
    assert Repository(str(tmp_path / "state" / "repository.db")).intents() == {WEB: CHOICE}


def test_output_of_two_services_is_kept_and_merged(recorder: Recorder) -> None:
    web, db = recorder.pipe(WEB), recorder.pipe(DB)
    for fmri in (WEB, DB):
        recorder.mark(fmri, 1)
    for number in range(3):
        os.write(web, b"web %d\n" % number)
        recorder.drained(WEB)
        os.write(db, b"db %d\n" % number)
        recorder.drained(DB)
    assert texts(recorder) == ["web 0", "db 0", "web 1", "db 1", "web 2", "db 2"]
    assert texts(recorder, names=[DB], n=2) == ["db 1", "db 2"]
    assert texts(recorder, n=3) == ["db 1", "web 2", "db 2"]
    assert texts(recorder, grep="^WEB", ignore_case=True) == ["web 0", "web 1", "web 2"]
    assert [one["fmri"] for one in recorder.ask({"do": "names"})] == [DB, WEB]


def test_a_run_of_a_moment_leaves_its_last_lines(recorder: Recorder) -> None:
    sink = recorder.pipe(WEB)
    recorder.mark(WEB, 1)
    os.write(sink, b"first run\n")
    recorder.tell("run", WEB, 1, "begin", 1000, 10, None)
    recorder.tell("run", WEB, 1, "end", 2000, 10, 0)
    recorder.mark(WEB, 2)
    os.write(sink, b"Traceback\nValueError: no\nunfinished")
    recorder.tell("run", WEB, 2, "begin", 3000, 11, None)
    recorder.tell("run", WEB, 2, "end", 4000, 11, 256)
    recorder.tell("history", [[3500, WEB, "offline", "online", "none", "3", 2, ""]])
    recorder.tell("operation", 4, "start", [WEB, DB], "root", 900, "done", "1")
    rows = until(
        lambda: len(rows := list(recorder.ask({"do": "history", "names": [WEB]}))) == 2 and rows,
        "two runs in the history",
    )
    assert rows[0] == {
        "fmri": WEB, "life": NONCE, "run": 1, "begun": 1000, "ended": 2000, "pid": 10,
        "status": 0, "tail": "first run",
    }  # fmt: skip
    assert (rows[1]["status"], rows[1]["tail"]) == (256, "Traceback\nValueError: no\nunfinished")
    (change,) = recorder.ask({"do": "history", "what": "transitions"})
    assert (change["at"], change["before"], change["after"]) == (3500, "offline", "online")
    (operation,) = recorder.ask({"do": "history", "what": "operations", "names": [DB]})
    assert (operation["verb"], operation["names"]) == ("start", f"{WEB} {DB}")
    assert texts(recorder, names=[WEB], run=1) == ["first run"]
    assert texts(recorder, names=[WEB], run="last") == ["Traceback", "ValueError: no", "unfinished"]


def test_following_goes_on_across_rotation_and_into_new_logs(recorder: Recorder) -> None:
    recorder.tell("log", WEB, {"mode": "lines", "size": 2000, "count": 100})
    sink = recorder.pipe(WEB)
    os.write(sink, b"before\n")
    recorder.drained(WEB)
    answers = recorder.ask({"do": "logs", "follow": True})
    assert next(answers)["text"] == "before"
    assert next(answers) == {"now": True}
    expected = [f"line {number} {'x' * 50}" for number in range(300)]
    for text in expected:
        os.write(sink, text.encode() + b"\n")
    assert [next(answers)["text"] for _ in expected] == expected
    os.write(recorder.pipe(DB), b"hello from db\n")
    answer = next(answers)
    assert (answer["fmri"], answer["text"]) == (DB, "hello from db")
    answers.close()


def test_too_many_readers_and_questions_without_sense_are_answered(recorder: Recorder) -> None:
    for question in ({"do": "dance"}, {"do": "logs", "grep": "("}, {"do": "logs", "n": -1}, []):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(60)
            asking.connect(str(recorder.run / "records"))
            asking.sendall(json.dumps(question).encode() + b"\n")
            answer = json.loads(asking.makefile("rb").readline())
            assert answer["error"], question


def test_stderr_apart_and_a_line_that_it_interrupts(recorder: Recorder) -> None:
    out, err = recorder.pipe(WEB), recorder.pipe(f"{WEB}#err")
    for sink, text in ((out, b"one "), (err, b"oops\n"), (out, b"line\nnext\n")):
        os.write(sink, text)
        recorder.tell("run", WEB, 0, "end", 1, None, None)
        recorder.settle()
    found = [
        (one["stream"], one["text"], one.get("part", False)) for one in recorder.ask({"do": "logs"})
    ]
    assert found == [
        ("o", "one ", False), ("e", "oops", False), ("o", "line", True), ("o", "next", False),
    ]  # fmt: skip


def test_a_line_that_says_ready_is_told(recorder: Recorder) -> None:
    sink = recorder.pipe(WEB)
    recorder.mark(WEB, 3)
    recorder.tell("watch", WEB, 3, "^listening on .*[0-9]$")
    recorder.settle()
    os.write(sink, b"not listening on 1\nlisten")
    recorder.tell("run", WEB, 3, "begin", 1, 1, None)
    recorder.settle()
    os.write(sink, b"ing on port 80\nlistening on 2\n")
    assert recorder.hear("matched") == ["matched", WEB, 3, "listening on port 80"]


@pytest.mark.parametrize("mode", ["lines", "json", "plain", "smf", "none"])
def test_a_line_that_says_ready_is_told_when_it_was_read_before_it_was_asked_for(
    recorder: Recorder, mode: str
) -> None:
    recorder.tell("log", WEB, {"mode": mode})
    sink = recorder.pipe(WEB)
    recorder.mark(WEB, 3)
    os.write(sink, b"ready in vain\n")
    recorder.mark(WEB, 4)
    os.write(sink, b"ready\nready again\nready on")
    recorder.tell("run", WEB, 3, "end", 1, 1, 0)  # makes it read all that there is
    recorder.tell("watch", WEB, 4, "^ready$")
    assert recorder.hear("matched") == ["matched", WEB, 4, "ready"]
    recorder.tell("watch", WEB, 4, "^ready once$")  # the line that was not finished yet
    recorder.settle()
    os.write(sink, b"ce\n")
    assert recorder.hear("matched") == ["matched", WEB, 4, "ready once"]


def test_what_the_run_before_still_says_is_not_the_line_that_is_awaited(recorder: Recorder) -> None:
    sink = recorder.pipe(WEB)
    recorder.mark(WEB, 3)
    recorder.tell("watch", WEB, 4, "^ready")
    recorder.settle()
    os.write(sink, b"ready in vain\n")
    recorder.mark(WEB, 4)
    os.write(sink, b"ready\n")
    assert recorder.hear("matched") == ["matched", WEB, 4, "ready"]


def test_a_remark_of_the_manager_stands_in_the_log(recorder: Recorder) -> None:
    sink = recorder.pipe(WEB)
    os.write(sink, b"half a ")
    recorder.drained(WEB)
    recorder.tell("note", WEB, "Stopping because maintenance requested.")
    recorder.settle()
    os.write(sink, b"line\n")
    recorder.drained(WEB)
    found = [(one["stream"], one["text"]) for one in recorder.ask({"do": "logs"})]
    assert found == [
        ("o", "half a "),
        ("s", "Stopping because maintenance requested."),
        ("o", "line"),
    ]


def test_closed_files_are_compressed_and_read_all_the_same(recorder: Recorder) -> None:
    recorder.tell("log", WEB, {"mode": "lines", "compress": True})
    sink = recorder.pipe(WEB)
    os.write(sink, b"early\n")
    recorder.drained(WEB)
    recorder.tell("rotate", WEB)
    recorder.settle()
    os.write(sink, b"late\n")
    recorder.drained(WEB)
    folder = recorder.logs / "web"
    until(lambda: [p for p in folder.iterdir() if p.suffix == ".gz"], "a compressed file")
    until(lambda: len(list(folder.iterdir())) == 2, "the original to go")
    assert texts(recorder) == ["early", "late"]
    assert texts(recorder, n=2) == ["early", "late"]


def test_the_successor_reads_on_with_the_same_settings(recorder: Recorder) -> None:
    recorder.tell("log", WEB, {"mode": "json"})
    sink = recorder.pipe(WEB)
    recorder.mark(WEB, 4)
    os.write(sink, b"from the first\n")
    recorder.drained(WEB)
    recorder.mark(WEB, 5)
    assert recorder.process is not None
    recorder.process.kill()
    recorder.died()
    os.write(sink, b"while nobody was there\n")
    recorder.start()
    recorder.tell("run", WEB, 5, "end", 1, None, None)
    recorder.settle()
    assert [(one["run"], one["text"]) for one in recorder.ask({"do": "logs"})] == [
        (4, "from the first"),
        (5, "while nobody was there"),
    ]
    lines = (recorder.logs / "web" / "current").read_bytes().splitlines()
    assert [json.loads(line)["text"] for line in lines] == [
        "from the first",
        "while nobody was there",
    ]


@pytest.mark.parametrize("told", ["nothing", "before", "after"])
def test_an_instance_that_is_gone_costs_nothing(recorder: Recorder, told: str) -> None:
    """Its pipe has ended, and, where its settings were not the usual ones, the manager says so."""
    if told != "nothing":
        recorder.tell("log", WEB, {"mode": "json"})
    sink = recorder.pipe(WEB)
    os.write(sink, b"all\n")
    recorder.drained(WEB)
    path = str(recorder.logs / "web" / "current")
    assert path in recorder.open_files()
    if told == "before":
        recorder.tell("log", WEB, None)
        recorder.settle()
    os.close(recorder.sinks.pop(WEB))
    if told == "after":
        recorder.settle()
        recorder.tell("log", WEB, None)
    until(lambda: path not in recorder.open_files(), "its log to be closed")
    # It may come again.
    os.write(recorder.pipe(WEB), b"anew\n")
    recorder.drained(WEB)
    assert texts(recorder) == ["all", "anew"]


def test_told_to_end_it_reads_what_is_left(recorder: Recorder) -> None:
    sink = recorder.pipe(WEB)
    recorder.settle()
    os.write(sink, b"last words\n")
    os.close(sink)
    del recorder.sinks[WEB]
    recorder.tell("history", [[3500, WEB, "offline", "online", "none", "3", 2, ""]])
    recorder.settle()
    assert recorder.stop() == 0
    assert (recorder.logs / "web" / "current").read_bytes().endswith(b" o 0 last words\n")
    assert not (recorder.run / "records").exists()
    base = sqlite3.connect(recorder.state / "history.db")
    assert base.execute("SELECT count(*) FROM transitions").fetchone() == (1,)
    base.close()


def test_without_a_keeper_it_reads_on_and_hands_back_what_it_holds(recorder: Recorder) -> None:
    sink = recorder.pipe(WEB)
    os.write(sink, b"one\n")
    recorder.drained(WEB)
    recorder.keeper.detach()
    os.write(sink, b"two\n")
    recorder.drained(WEB)
    recorder.tell("handback")
    while True:
        data, fds, _, _ = socket.recv_fds(recorder.manager, 65536, 250)
        message = json.loads(data)
        if message[0] == "hand":
            break
    _, names, more = message
    for fd in fds:
        os.close(fd)
    assert not more
    assert len(names) == len(fds)
    assert {f"log/{WEB}", "rec/journal", "rec/table", "rec/stage.r", "rec/stage.w"} <= set(names)
    assert recorder.died() == 0
    assert (recorder.logs / "web" / "current").read_bytes().count(b"\n") == 2


def test_an_unwritable_repository_refuses_and_draining_goes_on(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        recorder.state.rmdir()
        recorder.state.write_text("a file where a directory should be")
        recorder.start()
        recorder.tell("hello", 1)
        assert recorder.hear("trouble")[1] == "repository"
        recorder.tell("save", 1, WEB, CHOICE)
        unsaved = recorder.hear("unsaved")
        assert unsaved[1] == 1 and "repository.db" in unsaved[2]
        sink = recorder.pipe(WEB)
        os.write(sink, b"all the same\n")
        until(lambda: texts(recorder) == ["all the same"], "the line")
        recorder.state.unlink()
        recorder.state.mkdir()
        recorder.tell("save", 2, WEB, CHOICE)
        assert recorder.hear("saved") == ["saved", 2]
        assert recorder.hear("well")[1] == "repository"


@pytest.mark.parametrize("damage", [None, "", '{"logs": ', "{}", "[]"])
def test_what_the_runtime_directory_does_not_say_the_keeper_has(
    tmp_path: Path, damage: str | None
) -> None:
    with Recorder(tmp_path) as recorder:
        for name in ("place.json", "mark"):
            path = recorder.run / name
            whole = os.open(path, os.O_RDONLY)
            recorder.keeper.put(f"file/{name}", whole)
            os.close(whole)
            path.unlink()
            if damage is not None:
                path.write_text(damage)
        recorder.start()
        sink = recorder.pipe(WEB)
        recorder.mark(WEB, 3)
        os.write(sink, b"of the third run\n")
        recorder.drained(WEB)
        assert [(one["run"], one["text"]) for one in recorder.ask({"do": "logs"})] == [
            (3, "of the third run")
        ]


def test_without_a_place_it_says_what_is_missing(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        (recorder.run / "place.json").write_text("{")
        recorder.start(wait=False)
        assert recorder.died() == 1
        assert f"{recorder.run}/place.json" in recorder.log.read_text()


def test_it_imports_nothing_that_costs_memory(recorder: Recorder) -> None:
    """No msgspec, no asyncio, no TOML, no ctypes."""
    import subprocess

    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).resolve().parents[3] / 'src')!r});"
        "import stoker.recorder.program; print('\\n'.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "stoker.recorder.drain" in loaded
    unwanted = {
        "msgspec",
        "asyncio",
        "tomllib",
        "xml",
        "argparse",
        "logging",
        "hashlib",
        "ssl",
        "ctypes",
    }
    assert not unwanted & loaded
