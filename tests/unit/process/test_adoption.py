"""What a new manager finds of its predecessor's runs: the recovery table, row by row.

Intention recorded or not, process never started, alive or dead, its end known or not: each has its
answer. The predecessor is played by an executor that is thrown away without a word, its successor
by another one on the same contracts.
"""

from __future__ import annotations

import os
import signal
from typing import Any

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
    return adopt(bench.executor, [remains], ends, {})[0]


def test_recorded_and_alive(bench: Any) -> None:
    bench.start(SLEEP)
    main = main_of(bench)
    successor(bench)
    found = look(bench, Remains(A, 1, 1, SLEEP, main))
    assert (found.main, found.populated) == ("alive", True)
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


def test_intended_and_died_before_it_was_recorded(bench: Any) -> None:
    if bench.kind == "session":
        return  # without a cgroup the keeper cannot say whose the process was: it is begun again
    bench.start(SLEEP)
    pid, start = main_of(bench)
    name = bench.executor.runs[A].contract.name
    os.kill(pid, signal.SIGKILL)
    bench.heard("empty")
    successor(bench)
    kept = KeptEnd(pid, start, End("signal", 9), name)
    found = look(bench, Remains(A, 1, 1, SLEEP, method="start", expected="start"), kept)
    assert found.main == End("signal", 9)


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
    adopt(bench.executor, [], [], {})
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
    import sys

    step = Step(argv=(sys.executable, "-I", "-S", "-c", script))
    definition = Definition(fmri=A, start=(step,), ready=Ready(kind="notify"))
    bench.start(definition)
    bench.content("up")
    main = main_of(bench)
    held = os.dup(bench.held[f"notify/{A}"])
    successor(bench)
    remains = Remains(A, 1, 1, definition, main)
    found = adopt(bench.executor, [remains], [], {f"notify/{A}": held})[0]
    assert found.main == "alive"
    with open(bench.path("go"), "w"):
        pass
    assert bench.heard("ready") == (A, 1, 0)
