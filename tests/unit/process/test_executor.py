"""What the executor does with real processes, with cgroups and without."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from stoker.model import Context, Definition, Limits, LogSettings, Ready, Step

A = "svc:/a:default"


def test_a_process_is_started_and_its_end_told_with_its_status(bench: Any) -> None:
    bench.sh("a", "exit 7")
    assert bench.heard("exited") == (A, 1, "main", "exit", 7, False)
    assert bench.heard("empty") == (A, 1)
    fmri, run, method, pid, _start = bench.told.of("spawned")[0]
    assert (fmri, run, method) == (A, 1, "start") and pid > 0


def test_an_end_is_written_down_before_it_is_told(bench: Any) -> None:
    bench.sh("a", "exit 3")
    bench.heard("exited")
    words = [one[0] for one in bench.told.all if one[0] in ("ending", "exited", "empty")]
    assert words == ["ending", "exited", "empty"]


def test_a_signal_is_told_as_one(bench: Any) -> None:
    bench.sh("a", "kill -USR1 $$; sleep 60")
    assert bench.heard("exited")[3:5] == ("signal", signal.SIGUSR1)


def test_emptiness_waits_for_what_main_left_behind(bench: Any) -> None:
    bench.sh("a", "sleep 600 & echo $! > left; exec true")
    left = int(bench.content("left"))
    bench.heard("exited")
    bench.executor.turn_ends()
    assert bench.told.of("empty") == []
    os.kill(left, signal.SIGKILL)
    bench.heard("empty")


def test_what_the_last_one_died_of_is_told_before_that_none_is_left(bench: Any) -> None:
    script = "sleep 600 & echo $! > left; exec true"
    bench.sh("a", script, ready=Ready("exit"), ends="empty")
    left = int(bench.content("left"))
    bench.heard("exited")
    os.kill(left, signal.SIGKILL)
    bench.heard("empty")
    words = [one[0] for one in bench.told.all if one[0] in ("hurt", "empty")]
    assert words == ["hurt", "empty"]


def test_kill_reaches_grandchildren_in_sessions_of_their_own(bench: Any, alive: Any) -> None:
    inner = "(setsid sh -c 'echo $$ > two; exec sleep 600' &)"
    with open(bench.path("outer"), "w") as file:
        file.write(f"echo $$ > one; {inner}; exec sleep 600\n")
    script = "(setsid sh outer &) ; exec sleep 600"
    bench.sh("a", script)
    pids = [int(bench.content("one")), int(bench.content("two")), bench.told.of("spawned")[0][3]]
    assert all(map(alive, pids))
    bench.executor.kill(A, 1, "contract")
    bench.heard("empty")
    assert not any(map(alive, pids))
    assert bench.told.of("exited")[0][2:5] == ("main", "signal", signal.SIGKILL)


def test_what_ignores_term_is_killed(bench: Any) -> None:
    bench.sh("a", "trap '' TERM; echo ready > mark; while :; do sleep 600; done")
    bench.content("mark")
    bench.executor.signal(A, 1, "all", signal.SIGTERM)
    bench.executor.kill(A, 1, "contract")
    bench.heard("empty")
    assert bench.told.of("exited")[0][2:5] == ("main", "signal", signal.SIGKILL)


def test_term_to_all_reaches_children_too(bench: Any, alive: Any) -> None:
    bench.sh("a", "sleep 600 & echo $! > child; wait")
    child = int(bench.content("child"))
    bench.executor.signal(A, 1, "all", signal.SIGTERM)
    bench.heard("empty")
    assert not alive(child)


def test_kill_of_an_empty_contract_is_answered(bench: Any) -> None:
    bench.sh("a", "exit 0")
    bench.heard("empty")
    bench.executor.kill(A, 1, "contract")
    bench.heard("empty", count=2)
    assert [row[:2] for row in bench.told.of("empty")] == [(A, 1), (A, 1)]


def test_a_program_that_is_missing_is_told_with_its_name(bench: Any) -> None:
    step = Step(argv=("/nowhere/at-all",))
    bench.start(Definition(fmri=A, start=(step,)))
    fmri, run, method, errno, text = bench.heard("not_spawned")
    assert (fmri, run, method, errno) == (A, 1, "start", 2)
    assert "/nowhere/at-all" in text


def test_a_name_not_in_path_is_told_with_the_path(bench: Any) -> None:
    bench.start(Definition(fmri=A, start=(Step(argv=("no-such-program-here",)),)))
    assert "no-such-program-here" in bench.heard("not_spawned")[4]


def test_a_missing_directory_is_told(bench: Any) -> None:
    context = Context(working_directory="/nowhere/at-all")
    bench.sh("a", "exit 0", context=context)
    assert "/nowhere/at-all" in bench.heard("not_spawned")[4]


def test_an_unknown_user_is_told(bench: Any) -> None:
    bench.sh("a", "exit 0", context=Context(user="nobody-of-that-name"))
    assert "nobody-of-that-name" in bench.heard("not_spawned")[4]


def test_one_that_cannot_start_does_not_disturb_the_others(bench: Any) -> None:
    bench.sh("bad", "exit 0", context=Context(user="nobody-of-that-name"))
    bench.sh("good", "echo fine > mark")
    assert bench.content("mark") == "fine"
    assert len(bench.told.of("not_spawned")) == 1


def test_another_user_has_his_own_surroundings(bench: Any, root: None) -> None:
    os.chmod(bench.directory, 0o777)
    script = 'echo "$HOME $USER $LOGNAME $SHELL $(id -u)" > who'
    bench.sh("a", script, context=Context(user="nobody"))
    import pwd

    entry = pwd.getpwnam("nobody")
    said = bench.content("who").split()
    assert said == [entry.pw_dir, "nobody", "nobody", entry.pw_shell, str(entry.pw_uid)]


def test_the_environment_comes_from_its_sources_in_order(bench: Any) -> None:
    with open(bench.path("vars"), "w") as file:
        file.write('# a comment\nONE=file\nTWO="quoted words"\n\n')
    context = Context(environment={"ONE": "definition"}, environment_files=("vars", "-missing"))
    bench.sh("a", 'echo "$ONE|$TWO|$STOKER_FMRI" > env', context=context)
    assert bench.content("env") == f"definition|quoted words|{A}"


def test_a_missing_environment_file_is_told(bench: Any) -> None:
    bench.sh("a", "exit 0", context=Context(environment_files=("missing",)))
    assert "missing" in bench.heard("not_spawned")[4]


def test_limits_and_niceness_hold(bench: Any) -> None:
    bench.sh(
        "a",
        'echo "$(ulimit -n) $(umask) $(nice)" > limits',
        context=Context(nice=5, umask=0o027),
        limits=Limits(rlimits={"nofile": (64, 64)}),
    )
    assert bench.content("limits") == "64 0027 5"


def test_limits_without_a_controller_are_refused_if_the_file_says_so(bench: Any) -> None:
    if bench.kind == "cgroup" and "memory" in bench.contracts.parent.controllers():
        pytest.skip("the controller is there")
    bench.sh("a", "exit 0", limits=Limits(memory=1 << 30, missing="refuse"))
    assert "limits" in bench.heard("not_spawned")[4]
    bench.sh("b", "exit 0", limits=Limits(memory=1 << 30))
    bench.heard("exited", "svc:/b:default")


def test_output_goes_into_one_pipe_that_is_held(bench: Any) -> None:
    bench.sh("a", "echo out; echo err >&2")
    bench.heard("empty")
    data = bench.output(A)
    border, _, text = data.partition(b"\n")
    assert border == b"\0\x1estoker0123456789abcdef run 1 1"
    assert text == b"out\nerr\n"


def test_a_restart_keeps_the_pipe(bench: Any) -> None:
    definition = bench.sh("a", "echo one")
    bench.heard("empty")
    first = os.fstat(bench.held[f"log/{A}"]).st_ino
    bench.executor.release(A, 1)
    bench.start(definition, run=2)
    bench.heard("empty", count=2)
    assert os.fstat(bench.held[f"log/{A}"]).st_ino == first
    assert bench.output(A).count(b"one\n") == 2


def test_stderr_apart_has_a_pipe_of_its_own(bench: Any) -> None:
    bench.sh("a", "echo out; echo err >&2", log=LogSettings(stderr="apart"))
    bench.heard("empty")
    assert bench.output(A).endswith(b"out\n") and b"err" not in bench.held
    assert bench.output(f"{A}#err").endswith(b"err\n")


def test_output_straight_into_a_file(bench: Any) -> None:
    bench.sh("a", "echo text", log=LogSettings(mode="file", path="own.log"))
    assert bench.content("own.log") == "text"
    assert f"log/{A}" not in bench.held


def test_ready_by_notify(bench: Any) -> None:
    body = (
        "import os,socket\n"
        "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
        "n=os.environ['NOTIFY_SOCKET']\n"
        "s.connect('\\0'+n[1:])\n"
        "s.send(b'STATUS=warming up\\nREADY=1\\nEXTEND_TIMEOUT_USEC=5000000')\n"
        "import time; time.sleep(600)\n"
    )
    import sys

    step = Step(argv=(sys.executable, "-I", "-S", "-c", body))
    bench.start(Definition(fmri=A, start=(step,), ready=Ready(kind="notify")))
    assert bench.heard("ready") == (A, 1, 0)
    bench.heard("notified", count=2)
    assert bench.told.of("notified") == [
        (A, 1, "status", "warming up", 0),
        (A, 1, "extend", "", 5000000),
    ]


def test_a_stranger_is_not_believed(bench: Any) -> None:
    import socket

    bench.sh("a", "echo $NOTIFY_SOCKET > where; sleep 600", ready=Ready(kind="notify"))
    name = bench.content("where")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"READY=1", "\0" + name[1:])
        run = bench.executor.runs[A]
        run.notify.read_now()
    assert bench.told.of("ready") == []


def test_ready_by_a_newline_on_a_descriptor(bench: Any) -> None:
    bench.sh("a", "echo >&4; sleep 600", ready=Ready(kind="fd", fd=4))
    assert bench.heard("ready") == (A, 1, 0)


def test_an_end_without_a_newline_is_not_ready(bench: Any) -> None:
    bench.sh("a", "exec 3>&-; exit 0", ready=Ready(kind="fd", fd=3))
    bench.heard("exited")
    assert bench.told.of("ready") == []


def test_ready_by_a_pidfile_names_the_new_main(bench: Any) -> None:
    definition = bench.sh(
        "a",
        "setsid sh -c 'echo $$ > pid; exec sleep 600' & while ! [ -s pid ]; do sleep 0.01; done",
        ready=Ready(kind="pidfile", path="pid"),
    )
    bench.executor.probe_on(A, 1, ("ready",), definition, 0.0)
    assert bench.heard("exited")[2:5] == ("start", "exit", 0)
    _fmri, _run, pid = bench.heard("ready")
    assert pid == int(bench.content("pid"))
    os.kill(pid, signal.SIGKILL)
    bench.heard("exited", count=2)
    assert bench.told.of("exited")[1][2:5] == ("main", "signal", 9)


def test_a_method_has_a_contract_of_its_own(bench: Any, alive: Any) -> None:
    definition = bench.sh("a", "exec sleep 600")
    main = bench.told.of("spawned")[0][3]
    bench.method(definition, "refresh", "echo $MAINPID > main; sleep 600 & echo $! > left")
    assert int(bench.content("main")) == main
    bench.heard("exited")
    assert bench.told.of("exited")[0][:5] == (A, 1, "refresh", "exit", 0)
    left = int(bench.content("left"))
    bench.until(lambda: not alive(left), "what a method leaves is swept")
    assert alive(main)


def test_the_end_of_a_method_that_was_given_up_is_not_that_of_the_next(
    bench: Any, alive: Any
) -> None:
    definition = bench.sh("a", "exec sleep 600")
    for number in (1, 2):
        bench.method(definition, "refresh", "exec sleep 600")
        bench.until(
            lambda number=number: len(bench.told.of("spawned")) == number + 1, "it is started"
        )
    first, second = (one[3] for one in bench.told.of("spawned")[1:])
    os.kill(first, signal.SIGKILL)
    bench.until(lambda: not os.path.exists(f"/proc/{first}"), "the first is reaped")
    assert alive(second)
    assert bench.told.of("exited") == []
    os.kill(second, signal.SIGKILL)
    bench.heard("exited")
    assert [one[:5] for one in bench.told.of("exited")] == [(A, 1, "refresh", "signal", 9)]


def test_a_late_order_is_dropped(bench: Any, alive: Any) -> None:
    bench.sh("a", "exec sleep 600", run=5)
    pid = bench.told.of("spawned")[0][3]
    bench.executor.kill(A, 4, "contract")
    bench.executor.signal(A, 4, "all", signal.SIGKILL)
    bench.executor.turn_ends()
    assert alive(pid)


def test_steps_without_a_process(bench: Any) -> None:
    bench.sh("a", "trap 'exit 0' TERM; echo x > mark; while :; do sleep 0.05; done")
    bench.content("mark")
    definition = Definition(fmri=A, start=())
    from types import SimpleNamespace

    stop = SimpleNamespace(
        fmri=A, run=1, ctid=1, method="stop", step=Step(word=":kill", signal=15),
        definition=definition, number=0, arguments=(),
    )  # fmt: skip
    bench.executor.spawn([stop])
    assert (A, 1, "stop", "exit", 0, False) in bench.told.of("exited")
    bench.until(lambda: (A, 1) in bench.told.of("empty"))


def test_abandoned_processes_are_told_of_when_they_end(bench: Any, alive: Any) -> None:
    bench.sh("a", "exec sleep 600", run=3)
    pid = bench.told.of("spawned")[0][3]
    bench.executor.orphan(3, A, 3)
    bench.executor.release(A, 3, abandon=True)
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)
    assert bench.heard("orphans_gone") == (3,)


def test_usage_shows_the_tree(bench: Any) -> None:
    bench.sh("a", "sleep 600 & echo $! > child; wait")
    child = int(bench.content("child"))
    command = Path(f"/proc/{child}/cmdline")
    asked = "it is the program that was asked for"  # no longer the shell, whose words hold it too
    bench.until(lambda: command.read_bytes().startswith(b"sleep\0"), asked)
    usage = bench.executor.usage(A)
    rows = [(one.pid, one.depth) for one in usage.processes]
    assert rows == [(bench.told.of("spawned")[0][3], 0), (child, 1)]
    assert usage.memory > 0 and usage.tasks == 2
    assert "sleep 600" in usage.processes[1].command


def test_file_targets_are_facts(bench: Any) -> None:
    target = f"file://{bench.path('deep/down/file')}"
    bench.executor.watches.add(target)
    assert bench.heard("fact") == (target, False)
    os.makedirs(bench.path("deep/down"))
    with open(bench.path("deep/down/file"), "w"):
        pass
    assert bench.heard("fact", count=2) == (target, True)
    os.unlink(bench.path("deep/down/file"))
    assert bench.heard("fact", count=3) == (target, False)


def test_many_at_once(bench: Any) -> None:
    for number in range(60):
        bench.sh(f"s{number}", "exit 0")
    bench.heard("empty", count=60)
    assert {one[4] for one in bench.told.of("exited")} == {0}
