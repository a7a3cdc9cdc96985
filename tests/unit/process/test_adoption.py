"""What a new manager finds of its predecessor's runs: the recovery table, row by row.

Intention recorded or not, process never started, alive or dead, its end known or not: each has its
answer. The predecessor is played by an executor that is thrown away without a word, its successor
by another one on the same contracts.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from typing import Any

import pytest

from stoker.linux import limits, proc
from stoker.model import Definition, Ready, Step
from stoker.process import End, KeptEnd, Remains, adopt, recognise
from stoker.process.spawner import UNBORN

A = "svc:/a:default"
SLEEP = Definition(fmri=A, start=(Step(argv=("/bin/sleep", "600")),))


def successor(bench: Any) -> None:
    """Another executor in the place of the first, which knows nothing."""
    bench.replace()


def main_of(bench: Any) -> tuple[int, int]:
    pid, start = bench.told.of("spawned")[0][3:5]
    return pid, start


def look(bench: Any, remains: Remains, *ends: KeptEnd) -> Any:
    """What is found of one run."""
    return adopt(bench.executor, [remains], lambda: ends, {})[0]


def test_recorded_and_alive(bench: Any) -> None:
    bench.start(SLEEP)
    main = main_of(bench)
    successor(bench)
    # When it began is often not known yet; whoever looks for it learns that.
    found = look(bench, Remains(A, 1, 1, SLEEP, (main[0], 0)))
    stat = proc.stat(main[0])
    assert stat is not None
    assert (found.main, found.main_start, found.populated) == ("alive", stat.start, True)
    os.kill(main[0], signal.SIGKILL)
    assert bench.heard("exited")[:5] == (A, 1, "main", "signal", 9)
    assert bench.heard("empty") == (A, 1)


def test_recorded_and_dead_with_a_note(bench: Any) -> None:
    bench.start(SLEEP)
    main = main_of(bench)
    os.kill(main[0], signal.SIGKILL)
    bench.heard("empty")
    successor(bench)
    note = End("signal", 9)
    found = look(bench, Remains(A, 1, 1, SLEEP, main, ends={"main": note}))
    assert (found.main, found.populated) == (note, False)


def test_recorded_and_dead_and_told_by_the_keeper(bench: Any) -> None:
    bench.start(SLEEP)
    main = main_of(bench)
    os.kill(main[0], signal.SIGKILL)
    bench.heard("empty")
    successor(bench)
    found = look(bench, Remains(A, 1, 1, SLEEP, main), KeptEnd(*main, End("exit", 5), ""))
    assert found.main == End("exit", 5)


def test_recorded_and_dead_and_nobody_knows_how(bench: Any) -> None:
    bench.start(SLEEP)
    main = main_of(bench)
    os.kill(main[0], signal.SIGKILL)
    bench.heard("empty")
    successor(bench)
    found = look(bench, Remains(A, 1, 1, SLEEP, (main[0], 1)))
    assert (found.main, found.populated) == ("unknown", False)


def test_another_process_with_that_number_is_a_stranger(bench: Any, alive: Any) -> None:
    bench.start(SLEEP)
    pid, _start = main_of(bench)
    successor(bench)
    # The same number, but it started at another time than was recorded, in another contract.
    found = look(bench, Remains("svc:/b:default", 1, 77, SLEEP, (pid, 1)))
    assert found.main == "unknown"
    bench.executor.kill("svc:/b:default", 1, "contract")
    assert alive(pid)


def test_intended_and_never_started(bench: Any) -> None:
    found = look(bench, Remains(A, 1, 1, SLEEP, method="start", expected="start"))
    assert (found.main, found.pid, found.populated) == ("never", 0, False)


def test_intended_and_started_but_not_recorded(bench: Any) -> None:
    bench.start(SLEEP)
    pid, _start = main_of(bench)
    successor(bench)
    found = look(bench, Remains(A, 1, 1, SLEEP, method="start", expected="start"))
    assert (found.main, found.pid, found.alive) == ("alive", pid, True)


def kept(bench: Any, pid: int) -> KeptEnd:
    """Wait for the end of a child of ours, and reap it as the keeper does."""
    dead = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    stat = proc.stat(pid)
    assert dead is not None and stat is not None
    name = bench.contracts.name_of(proc.cgroup_of(pid) or "")
    mark = limits.mark_of(pid)
    os.waitpid(pid, 0)
    return KeptEnd(pid, stat.start, End.of(dead.si_code, dead.si_status), name, mark)


EXPECTED = Remains(A, 1, 1, SLEEP, method="start", expected="start")


def test_intended_and_died_before_it_was_recorded(bench: Any) -> None:
    bench.start(SLEEP)
    pid, _start = main_of(bench)
    successor(bench)
    os.kill(pid, signal.SIGKILL)
    end = kept(bench, pid)
    assert bench.kind == "session" or end.contract
    found = look(bench, EXPECTED, end)
    assert (found.main, found.pid) == (End("signal", 9), pid)


def test_intended_and_died_before_it_was_recorded_as_a_manager_before_marks_had_it(
    bench: Any,
) -> None:
    bench.start(SLEEP)
    pid, start = main_of(bench)
    name = bench.executor.runs[A].contract.name
    os.kill(pid, signal.SIGKILL)
    bench.heard("empty")
    successor(bench)
    found = look(bench, EXPECTED, KeptEnd(pid, start, End("signal", 9), name))
    assert found.main == End("signal", 9)


@pytest.mark.parametrize("already", [False, True], ids=["alive", "dead"])
def test_intended_and_dies_while_it_is_looked_for(bench: Any, already: bool) -> None:
    """The keeper is asked about ends after it was looked who lives, not before."""
    bench.start(SLEEP)
    pid, _start = main_of(bench)
    successor(bench)
    if already:  # and nobody has reaped it yet
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    def ends() -> list[KeptEnd]:
        os.kill(pid, signal.SIGKILL)
        return [kept(bench, pid)]

    (found,) = adopt(bench.executor, [EXPECTED], ends, {})
    assert (found.main, found.pid) == (End("signal", 9), pid)


def test_recorded_and_only_to_be_reaped(bench: Any) -> None:
    bench.start(SLEEP)
    main = main_of(bench)
    successor(bench)
    os.kill(main[0], signal.SIGKILL)
    os.waitid(os.P_PID, main[0], os.WEXITED | os.WNOWAIT)
    recorded = Remains(A, 1, 1, SLEEP, main)
    (found,) = adopt(bench.executor, [recorded], lambda: [kept(bench, main[0])], {})
    assert found.main == End("signal", 9)


def test_recorded_and_reaped_just_after_the_keeper_was_asked(bench: Any) -> None:
    bench.start(SLEEP)
    main = main_of(bench)
    successor(bench)
    os.kill(main[0], signal.SIGKILL)
    os.waitid(os.P_PID, main[0], os.WEXITED | os.WNOWAIT)
    late: list[KeptEnd] = []

    def ends() -> list[KeptEnd]:
        told = list(late)
        if not late:
            late.append(kept(bench, main[0]))
        return told

    (found,) = adopt(bench.executor, [Remains(A, 1, 1, SLEEP, main)], ends, {})
    assert found.main == End("signal", 9)


def test_recorded_and_dies_just_after_it_was_found_alive(bench: Any) -> None:
    """It is another's child, as those of a dead predecessor are the keeper's."""
    os.mkfifo(bench.path("go"))
    bench.sh("a", "(read WAIT < go; exit 6) & echo $! > pid; wait; exec sleep 600")
    pid = int(bench.content("pid"))
    start = proc.start_time(pid)
    assert start is not None
    successor(bench)

    def ends() -> list[KeptEnd]:
        with open(bench.path("go"), "w") as file:
            file.write("\n")
        deadline = time.monotonic() + 60.0
        while proc.stat(pid) is not None and time.monotonic() < deadline:
            select.select([], [], [], 0.01)
        return [KeptEnd(pid, start, End("exit", 6), "")]

    recorded = Remains(A, 1, 1, SLEEP, (pid, start))
    (found,) = adopt(bench.executor, [recorded], ends, {})
    assert found.main == "alive"
    assert bench.heard("exited")[:5] == (A, 1, "main", "exit", 6)
    assert len(bench.told.of("exited")) == 1


def test_what_it_left_behind_is_not_taken_for_it(bench: Any) -> None:
    """A descendant with a session and an environment of its own bears the same mark, and is
    younger.
    """
    os.mkfifo(bench.path("go"))
    left = "env -i setsid sleep 600 & echo $! > left; read WAIT < go; exit 3"
    definition = bench.sh("a", left)
    pid, _start = main_of(bench)
    other = int(bench.content("left"))
    successor(bench)
    with open(bench.path("go"), "w") as file:
        file.write("\n")
    end = kept(bench, pid)
    expected = Remains(A, 1, 1, definition, method="start", expected="start")
    found = look(bench, expected, end)
    assert (found.main, found.pid) == (End("exit", 3), pid)
    os.kill(other, signal.SIGKILL)


def test_intended_and_its_end_noted_before_its_start(bench: Any) -> None:
    """The predecessor reaped it, and died before its turn came to an end."""
    noted = Remains(A, 1, 1, SLEEP, method="start", expected="start", ends={"main": End("exit", 4)})
    assert look(bench, noted).main == End("exit", 4)


def test_another_run_of_the_same_contract_is_another(bench: Any) -> None:
    bench.start(SLEEP, run=1, ctid=1)
    pid, _start = main_of(bench)
    successor(bench)
    os.kill(pid, signal.SIGKILL)
    end = kept(bench, pid)
    again = Remains(A, 2, 1, SLEEP, method="start", expected="start")
    assert look(bench, again, end).main == "never"


def test_intended_and_born_but_never_released(bench: Any) -> None:
    bench.start(SLEEP)
    pid, start = main_of(bench)
    name = bench.executor.runs[A].contract.name
    os.kill(pid, signal.SIGKILL)
    bench.heard("empty")
    successor(bench)
    kept = KeptEnd(pid, start, End("signal", UNBORN), name)
    found = look(bench, Remains(A, 1, 1, SLEEP, method="start", expected="start"), kept)
    assert found.main == "never"


def test_a_method_that_lives_is_kept(bench: Any) -> None:
    bench.start(SLEEP)
    main = main_of(bench)
    bench.method(SLEEP, "refresh", "echo $$ > method; exec sleep 600")
    method = int(bench.content("method"))
    successor(bench)
    remains = Remains(A, 1, 1, SLEEP, main, method="refresh", process=(method, 0))
    found = look(bench, remains)
    assert (found.main, found.method) == ("alive", "alive")
    os.kill(method, signal.SIGTERM)
    assert bench.heard("exited")[2:5] == ("refresh", "signal", 15)


def test_a_method_that_nobody_recorded_is_ended(bench: Any, alive: Any) -> None:
    bench.start(SLEEP)
    main = main_of(bench)
    bench.method(SLEEP, "refresh", "echo $$ > method; exec sleep 600")
    method = int(bench.content("method"))
    successor(bench)
    look(bench, Remains(A, 1, 1, SLEEP, main))
    bench.until(lambda: not alive(method))
    assert alive(main[0])


def test_a_run_that_no_record_tells_of_is_left_running_and_listed(bench: Any, alive: Any) -> None:
    bench.start(SLEEP)
    pid, _start = main_of(bench)
    successor(bench)
    adopt(bench.executor, [], list, {})
    assert alive(pid)
    assert [contract.ctid for contract in bench.executor.emptiness.orphans] == [1]
    os.kill(pid, signal.SIGKILL)
    assert bench.heard("orphans_gone") == (1,)


def test_a_run_without_any_record_is_recognised_by_its_contract(bench: Any) -> None:
    bench.start(SLEEP, run=4)
    pid, _start = main_of(bench)
    successor(bench)
    (found,) = recognise(bench.executor, [SLEEP])
    assert (found.fmri, found.ctid) == (A, 4)
    assert found.main is not None and found.main[0] == pid


def test_what_main_left_behind_keeps_the_run_populated(bench: Any) -> None:
    bench.sh("a", "sleep 600 & echo $! > left; exit 0")
    left = int(bench.content("left"))
    bench.heard("exited")
    main = main_of(bench)
    successor(bench)
    found = look(bench, Remains(A, 1, 1, SLEEP, main, ends={"main": End("exit", 0)}))
    assert found.populated
    os.kill(left, signal.SIGKILL)
    assert bench.heard("empty") == (A, 1)


def test_the_notify_socket_is_heard_on(bench: Any) -> None:
    script = (
        "import os,socket,time\n"
        "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
        "n=os.environ['NOTIFY_SOCKET']\n"
        "open('up','w').write('x\\n')\n"
        "while not os.path.exists('go'): time.sleep(0.01)\n"
        "s.sendto(b'READY=1','\\0'+n[1:])\n"
        "time.sleep(600)\n"
    )
    step = Step(argv=(sys.executable, "-I", "-S", "-c", script))
    definition = Definition(fmri=A, start=(step,), ready=Ready(kind="notify"))
    bench.start(definition)
    bench.content("up")
    main = main_of(bench)
    held = os.dup(bench.held[f"notify/{A}"])
    successor(bench)
    remains = Remains(A, 1, 1, definition, main)
    found = adopt(bench.executor, [remains], list, {f"notify/{A}": held})[0]
    assert found.main == "alive"
    with open(bench.path("go"), "w"):
        pass
    assert bench.heard("ready") == (A, 1, 0)


def test_the_watchdog_that_a_service_asked_for_goes_on(bench: Any) -> None:
    script = (
        "import os,socket,time\n"
        "s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n"
        "n=os.environ['NOTIFY_SOCKET']\n"
        "s.sendto(b'READY=1\\nWATCHDOG_USEC=3600000000','\\0'+n[1:])\n"
        "time.sleep(600)\n"
    )
    step = Step(argv=(sys.executable, "-I", "-S", "-c", script))
    definition = Definition(fmri=A, start=(step,), ready=Ready(kind="notify"))
    bench.start(definition)
    assert bench.heard("notified")[2:] == ("watchdog_usec", "", 3_600_000_000)
    main = main_of(bench)
    held = os.dup(bench.held[f"notify/{A}"])
    successor(bench)
    remains = Remains(A, 1, 1, definition, main, watchdog=20_000)
    adopt(bench.executor, [remains], list, {f"notify/{A}": held})
    assert bench.heard("notified")[2] == "watchdog_late"
