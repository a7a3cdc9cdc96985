"""The event loop of manager, recorder and their helpers: epoll, timers, signals, nothing else.

Level-triggered (epoll(7)); idle means no wake-up at all. A descriptor that is forgotten is not
called again, not even in the batch at hand. Only one loop may handle signals, in the main thread
(signal.set_wakeup_fd).
"""

from __future__ import annotations

import heapq
import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
HANGUP = select.EPOLLHUP
ERROR = select.EPOLLERR


_A_WHILE = 1_000_000  # nanoseconds that there are at least for those who can wait


class Timer:
    """One call in the future; made by `Loop.at`."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call

    def cancel(self) -> None:
        """Not to be called any more; harmless when it has been called or cancelled already."""
        self.call = None


class Loop:
    """Waits for descriptors, times and signals, and calls what was asked for.

    A callback's Exception goes to ``on_error``, and the loop goes on; SystemExit and the like end
    `run`.
    """

    def __init__(self, on_error: Callable[[Exception], object]) -> None:
        self._on_error = on_error
        self._epoll = select.epoll()
        self._calls: dict[int, Callable[[int], object]] = {}
        self._forgotten: set[int] = set()  # during this batch: their events are stale
        self._patient: dict[int, int] = {}  # who can wait, and when they were served last
        self._served = 0
        self._timers: list[tuple[int, int, Timer]] = []
        self._made = 0
        self._running = False
        self._wake: tuple[int, int, int] | None = None  # pipe ends, the wake-up fd before us
        self._handlers: dict[int, Any] = {}  # as they were before us
        self._signal_calls: dict[int, Callable[[int], object]] = {}
        self._arrived: dict[int, None] = {}  # in order, each once

    def watch(
        self, fd: int, events: int, call: Callable[[int], object], patient: bool = False
    ) -> None:
        """Call ``call(events)`` whenever ``fd`` is ready; replaces an earlier watch of the same
        number.

        ``events`` of READ | WRITE; HANGUP and ERROR are always reported. ``patient``: it can wait
        until the other descriptors of its batch are dealt with, ``after()`` too. Such calls get as
        much time as everything else took, and a millisecond at least, before the loop looks at its
        descriptors again; whoever was served longest ago comes first. Raises OSError (EPERM for
        what epoll cannot watch, such as a regular file).
        """
        try:
            self._epoll.register(fd, events)
        except FileExistsError:
            self._epoll.modify(fd, events)
        self._calls[fd] = call
        if patient:
            self._patient.setdefault(fd, 0)
        else:
            self._patient.pop(fd, None)

    def forget(self, fd: int) -> None:
        """Stop watching; to be called before ``fd`` is closed. Harmless when it is not watched."""
        if self._calls.pop(fd, None) is None:
            return
        self._forgotten.add(fd)
        self._patient.pop(fd, None)
        try:
            self._epoll.unregister(fd)
        except OSError:
            pass  # closed already: the kernel has forgotten it by itself

    def at(self, when_ns: int, call: Callable[[], object]) -> Timer:
        """Call ``call()`` once, at ``when_ns`` of time.monotonic_ns(), or soon after."""
        timer = Timer(call)
        self._made += 1
        heapq.heappush(self._timers, (when_ns, self._made, timer))
        if self._made % 4096 == 0:  # timers that are set and cancelled for ever must not pile up
            self._timers = [entry for entry in self._timers if entry[2].call is not None]
            heapq.heapify(self._timers)
        return timer

    def signals(self, numbers: Iterable[int], call: Callable[[int], object]) -> None:
        """Call ``call(signo)`` from the loop when one of these signals has come (several may be
        one).
        """
        if self._wake is None:
            reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            self._wake = (reader, writer, signal.set_wakeup_fd(writer, warn_on_full_buffer=False))
            self.watch(reader, READ, self._signalled)
        for number in numbers:
            self._signal_calls[number] = call
            before = signal.signal(number, self._note)
            self._handlers.setdefault(number, before)

    def _note(self, number: int, _frame: object) -> None:
        # The byte in the pipe only wakes us; the number is kept here, so a full pipe loses nothing.
        self._arrived[number] = None

    def _signalled(self, _events: int) -> None:
        assert self._wake is not None
        os.read(self._wake[0], 65536)
        self._tell()

    def _tell(self) -> None:
        """Those that have come by now; what comes meanwhile waits until others had their turn."""
        for number in list(self._arrived):
            del self._arrived[number]
            self._guard(self._signal_calls[number], number)
        if self._arrived:
            self.at(0, self._tell)

    def _guard(self, call: Callable[..., object], *args: object) -> None:
        try:
            call(*args)
        except Exception as error:
            try:
                self._on_error(error)
            except Exception:  # the hook itself is broken: there is nobody left to tell
                pass

    def run(self, after: Callable[[], object] | None = None) -> None:
        """Work until `stop`; ``after()`` is called before each sleep, hence after each batch."""
        self._running = True
        while True:
            begun = time.monotonic_ns()
            if after is not None:
                self._guard(after)
            if not self._running:
                return
            asleep = time.monotonic_ns()
            ready = self._epoll.poll(self._patience())
            begun += time.monotonic_ns() - asleep
            patient = self._batch(ready)
            if 0 < len(patient) < len(ready) and after is not None:
                self._guard(after)
            if patient and self._running:
                self._serve(patient, time.monotonic_ns() - begun)

    def _patience(self) -> float:
        """Seconds to sleep; -1 is for ever."""
        while self._timers and self._timers[0][2].call is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return -1
        return max(0, self._timers[0][0] - time.monotonic_ns()) / 1e9

    def _batch(self, ready: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Descriptors, then timers; returns what is left for those who can wait."""
        self._forgotten.clear()
        patient = []
        for one in ready:
            if one[0] in self._patient:
                patient.append(one)
            else:
                self._call(*one)
        now = time.monotonic_ns()
        due = []  # collected first: a timer that is made by a timer waits for the next batch
        while self._timers and self._timers[0][0] <= now:
            due.append(heapq.heappop(self._timers)[2])
        for timer in due:
            if timer.call is not None:
                timer_call, timer.call = timer.call, None
                self._guard(timer_call)
        return patient

    def _call(self, fd: int, events: int) -> None:
        call = self._calls.get(fd)
        if call is not None and fd not in self._forgotten:
            self._guard(call, events)

    def _serve(self, patient: list[tuple[int, int]], share: int) -> None:
        """These, as long as all else took; epoll tells us again of whoever is left."""
        end = time.monotonic_ns() + max(_A_WHILE, share)
        for fd, events in sorted(patient, key=lambda one: self._patient.get(one[0], 0)):
            if fd in self._patient:
                self._served += 1
                self._patient[fd] = self._served
            self._call(fd, events)
            if time.monotonic_ns() >= end:
                return

    def stop(self) -> None:
        """Let `run` return when the current batch is done."""
        self._running = False

    def close(self) -> None:
        """Give back the descriptors and the signal handlers that were there before."""
        for number, before in self._handlers.items():
            signal.signal(number, signal.SIG_DFL if before is None else before)
        self._handlers.clear()
        if self._wake is not None:
            signal.set_wakeup_fd(self._wake[2])
            self.forget(self._wake[0])
            os.close(self._wake[0])
            os.close(self._wake[1])
            self._wake = None
        self._epoll.close()
