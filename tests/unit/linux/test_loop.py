"""The event loop: what is called, when, and what ends with its descriptor."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from stoker.linux import Loop, loop


@pytest.fixture
def errors() -> list[Exception]:
    return []


@pytest.fixture
def here(errors: list[Exception]) -> Iterator[Loop]:
    made = Loop(errors.append)
    yield made
    made.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:  # the test has closed it
            pass


def test_a_ready_descriptor_is_called_with_its_events(here: Loop, pipe: tuple[int, int]) -> None:
    seen: list[int] = []

    def ready(events: int) -> None:
        seen.append(events)
        assert os.read(pipe[0], 10) == b"x"
        here.stop()

    here.watch(pipe[0], loop.READ, ready)
    os.write(pipe[1], b"x")
    here.run()
    assert seen == [loop.READ]


def test_a_hangup_is_told_without_being_asked_for(here: Loop, pipe: tuple[int, int]) -> None:
    seen: list[int] = []
    here.watch(pipe[0], 0, lambda events: (seen.append(events), here.stop()))
    os.close(pipe[1])
    here.run()
    assert seen[0] & loop.HANGUP


def test_what_is_forgotten_is_not_called_in_the_same_batch(here: Loop) -> None:
    """Whichever of two ready descriptors comes first forgets and closes the other."""
    pipes = [os.pipe(), os.pipe()]
    called: list[int] = []

    def ready(which: int) -> None:
        called.append(which)
        other = pipes[1 - which][0]
        here.forget(other)
        os.close(other)
        here.forget(pipes[which][0])
        here.stop()

    for which, (reader, writer) in enumerate(pipes):
        here.watch(reader, loop.READ, lambda _events, which=which: ready(which))
        os.write(writer, b"x")
    here.run()
    assert len(called) == 1
    os.close(pipes[called[0]][0])
    for _, writer in pipes:
        os.close(writer)


def test_a_number_used_again_does_not_get_the_events_of_before(here: Loop) -> None:
    pipes = [os.pipe(), os.pipe()]
    fresh: list[int] = []
    wrong: list[int] = []
    first: list[int] = []

    def ready(which: int) -> None:
        if first:
            return
        first.append(which)
        other = pipes[1 - which][0]
        here.forget(other)
        os.close(other)
        reader, writer = os.pipe()
        if reader != other:
            os.dup2(reader, other)
            os.close(reader)
        fresh.extend((other, writer))
        here.watch(other, loop.READ, wrong.append)
        here.forget(pipes[which][0])
        here.at(time.monotonic_ns(), here.stop)

    for which, (reader, writer) in enumerate(pipes):
        here.watch(reader, loop.READ, lambda _events, which=which: ready(which))
        os.write(writer, b"x")
    here.run()
    assert wrong == []
    here.forget(fresh[0])
    for fd in (*fresh, pipes[first[0]][0], pipes[0][1], pipes[1][1]):
        os.close(fd)


def test_forgetting_what_is_closed_or_unknown_is_harmless(
    here: Loop, pipe: tuple[int, int]
) -> None:
    here.forget(12345)
    here.watch(pipe[0], loop.READ, lambda events: None)
    os.close(pipe[0])
    here.forget(pipe[0])
    passed: list[str] = []
    here.at(time.monotonic_ns(), lambda: passed.append("on it goes"))
    here.at(time.monotonic_ns(), here.stop)
    here.run()
    assert passed == ["on it goes"]


def test_watching_again_replaces(here: Loop, pipe: tuple[int, int]) -> None:
    seen: list[str] = []
    here.watch(pipe[0], loop.READ, lambda events: seen.append("old"))
    here.watch(pipe[0], loop.READ, lambda events: (seen.append("new"), here.stop()))
    os.write(pipe[1], b"x")
    here.run()
    assert seen == ["new"]


def test_a_regular_file_cannot_be_watched(here: Loop) -> None:
    with open(__file__, "rb") as file, pytest.raises(PermissionError):
        here.watch(file.fileno(), loop.READ, lambda events: None)


def test_timers_come_in_order_and_not_too_early(here: Loop) -> None:
    seen: list[str] = []
    start = time.monotonic_ns()
    late = start + 20_000_000
    here.at(late, lambda: (seen.append("late"), here.stop()))
    here.at(start, lambda: seen.append("early"))
    here.at(start, lambda: seen.append("as early, made later"))
    here.run()
    assert seen == ["early", "as early, made later", "late"]
    assert time.monotonic_ns() >= late


def test_a_cancelled_timer_is_not_called_even_in_its_own_batch(here: Loop) -> None:
    seen: list[str] = []
    now = time.monotonic_ns()
    here.at(now, lambda: second.cancel())
    second = here.at(now, lambda: seen.append("cancelled"))
    here.at(now + 1, here.stop)
    here.run()
    second.cancel()
    assert seen == []


def test_a_timer_made_by_a_timer_waits_for_the_next_batch(here: Loop) -> None:
    """So a timer that sets itself for now cannot starve the descriptors."""
    turns: list[int] = []

    def again() -> None:
        turns.append(0)
        if turns.count(0) == 3:
            here.stop()
        else:
            here.at(time.monotonic_ns(), again)

    here.at(time.monotonic_ns(), again)
    here.run(after=lambda: turns.append(1))
    assert turns == [1, 0, 1, 0, 1, 0, 1]


def test_many_cancelled_timers_do_not_pile_up(here: Loop) -> None:
    far = time.monotonic_ns() + 3600 * 10**9
    for _ in range(20_000):
        here.at(far, here.stop).cancel()
    assert len(here._timers) < 10_000


def test_signals_arrive_through_the_loop(here: Loop) -> None:
    seen: list[int] = []
    before = signal.getsignal(signal.SIGUSR1)
    here.signals([signal.SIGUSR1, signal.SIGUSR2], seen.append)
    os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR2)
    assert seen == []
    here.run(after=lambda: len(seen) >= 2 and here.stop())
    assert sorted(seen) == [signal.SIGUSR1, signal.SIGUSR2]
    here.close()
    assert signal.getsignal(signal.SIGUSR1) == before
    assert signal.set_wakeup_fd(-1) == -1


def test_signals_that_keep_coming_leave_the_others_their_turns(here: Loop) -> None:
    seen: list[int] = []
    turns: list[int] = []

    def again(number: int) -> None:
        seen.append(number)
        if len(seen) < 9:
            os.kill(os.getpid(), signal.SIGUSR1)
        else:
            here.stop()

    here.signals([signal.SIGUSR1], again)
    os.kill(os.getpid(), signal.SIGUSR1)
    here.run(lambda: turns.append(len(seen)))
    assert len(seen) == 9
    assert [count for count in turns if 0 < count < 9]


def test_a_full_wake_up_pipe_loses_no_signal(here: Loop) -> None:
    seen: list[int] = []
    here.signals([signal.SIGUSR1, signal.SIGUSR2], seen.append)
    assert here._wake is not None
    try:
        while True:
            os.write(here._wake[1], b"\0" * 65536)
    except BlockingIOError:
        pass
    os.kill(os.getpid(), signal.SIGUSR2)
    here.run(after=lambda: bool(seen) and here.stop())
    assert seen == [signal.SIGUSR2]


def test_an_exception_goes_to_the_hook_and_the_loop_goes_on(
    here: Loop, errors: list[Exception]
) -> None:
    def fail() -> None:
        raise ValueError("broken callback")

    now = time.monotonic_ns()
    here.at(now, fail)
    here.at(now, here.stop)
    here.run()
    assert [str(error) for error in errors] == ["broken callback"]


def test_a_broken_hook_does_not_end_the_loop() -> None:
    def hook(error: Exception) -> None:
        raise error

    here = Loop(hook)
    now = time.monotonic_ns()
    passed: list[str] = []
    here.at(now, lambda: [][0])
    here.at(now, lambda: passed.append("the next one"))
    here.at(now, here.stop)
    here.run()
    here.close()
    assert passed == ["the next one"]


def test_a_request_to_exit_ends_it(here: Loop) -> None:
    def leave() -> None:
        raise SystemExit(3)

    here.at(time.monotonic_ns(), leave)
    with pytest.raises(SystemExit):
        here.run()


def test_after_comes_before_the_first_sleep_and_can_stop(here: Loop) -> None:
    calls: list[int] = []
    here.run(after=lambda: (calls.append(1), here.stop()))
    assert calls == [1]


def test_who_can_wait_comes_after_the_others_and_their_turn(here: Loop) -> None:
    order: list[str] = []
    ends = {name: os.pipe() for name in ("patient", "other")}

    def call(name: str) -> Callable[[int], object]:
        def ready(_events: int) -> None:
            order.append(name)
            os.read(ends[name][0], 1)
            if name == "patient":
                here.stop()

        return ready

    for name, (reader, writer) in ends.items():
        here.watch(reader, loop.READ, call(name), patient=name == "patient")
        os.write(writer, b"x")
    here.run(lambda: order.append("turn"))
    for fd in (fd for pair in ends.values() for fd in pair):
        os.close(fd)
    assert order == ["turn", "other", "turn", "patient", "turn"]


def test_of_those_who_can_wait_each_is_served_however_busy_the_others_are(here: Loop) -> None:
    """All are ready all the time, and each takes up what there is for them in a batch."""
    served: list[int] = []
    batches: list[int] = []
    ends = [os.pipe() for _ in range(3)]

    def call(number: int) -> Callable[[int], object]:
        def ready(_events: int) -> None:
            served.append(number)
            if len(served) == 9:
                here.stop()
            over = time.monotonic_ns() + 2_000_000
            while time.monotonic_ns() < over:
                pass

        return ready

    for number, (reader, writer) in enumerate(ends):
        here.watch(reader, loop.READ, call(number), patient=True)
        os.write(writer, b"x")
    here.run(lambda: batches.append(len(served)))
    for fd in (fd for pair in ends for fd in pair):
        os.close(fd)
    assert sorted(served[:3]) == [0, 1, 2]
    assert served[:9] == served[:3] * 3
    assert len(set(batches)) >= 4, "nobody is served twice between two turns"


def test_who_can_wait_is_not_called_when_it_is_forgotten_meanwhile(
    here: Loop, pipe: tuple[int, int]
) -> None:
    bell = os.pipe()
    called: list[int] = []
    here.watch(pipe[0], loop.READ, called.append, patient=True)
    here.watch(bell[0], loop.READ, lambda _events: here.forget(pipe[0]))
    os.write(pipe[1], b"x")
    os.write(bell[1], b"x")
    turns = iter((lambda: None, lambda: None, here.stop))
    here.run(lambda: next(turns)())
    for fd in bell:
        os.close(fd)
    assert not called


def test_idle_is_without_wake_ups(here: Loop, pipe: tuple[int, int]) -> None:
    """While there is nothing to do the loop sleeps: one turn before the timer and one after it."""
    turns: list[int] = []
    here.watch(pipe[0], loop.READ, lambda events: None)
    here.at(time.monotonic_ns() + 100_000_000, here.stop)
    here.run(after=lambda: turns.append(1))
    assert len(turns) == 2
