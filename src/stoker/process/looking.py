"""Looking at a run from time to time: is it ready, is it well.

Thresholds and what follows from them are counted by the engine; here an answer is only obtained and
told. A look for readiness begins quickly and slows down to its interval, so that what starts fast
is found fast.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from stoker.linux import Loop, Timer, proc
from stoker.model import Health, Probe

from .probes import Attempt, Helper
from .report import Report
from .runs import Run

__all__ = ["Look", "Looking"]

_FIRST = 0.01  # seconds to the second look for readiness; then doubling up to the interval
_FILE = Probe(kind="file", interval=0.1)


class Look:
    """One thing looked at again and again: `begin(done)` starts an attempt and returns what cancels
    it.
    """

    def __init__(
        self,
        loop: Loop,
        begin: Callable[[Callable[[bool, str], object]], Callable[[], object]],
        tell: Callable[[bool, str], bool],
        interval: float,
        after: float,
        first: float | None = None,
    ) -> None:
        """`tell(ok, text)` is true when no more looking is needed. `first`: the first pause, grown
        to `interval`.
        """
        self._loop = loop
        self._begin = begin
        self._tell = tell
        self._interval = max(0.001, interval)
        self._pause = min(self._interval, first) if first is not None else self._interval
        self._cancel: Callable[[], object] | None = None
        self._over = False
        self._timer: Timer | None = loop.at(time.monotonic_ns() + int(after * 1e9), self._look)

    def stop(self) -> None:
        """Look no more."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    def _look(self) -> None:
        self._timer = None
        if not self._over:
            self._cancel = self._begin(self._answer)
            if self._over or self._timer is not None:  # it answered at once
                self._cancel = None

    def _answer(self, ok: bool, text: str) -> None:
        self._cancel = None
        if self._over:
            return
        pause, self._pause = self._pause, min(self._interval, self._pause * 2)
        self._timer = self._loop.at(time.monotonic_ns() + int(pause * 1e9), self._look)
        if self._tell(ok, text):
            self.stop()


class Looking:
    """Begins and ends looks. `helper(run)` gives what runs programs as that run's user and in its
    surroundings.

    `await_log(fmri, run, pattern)` asks whoever reads the output to tell when a line matches."""

    def __init__(
        self,
        loop: Loop,
        report: Report,
        helper: Callable[[Run], Helper],
        await_log: Callable[[str, int, str], object],
        base: Callable[[Run], str],
        become_main: Callable[[Run, int], object],
    ) -> None:
        self._loop = loop
        self._report = report
        self._helper = helper
        self._await_log = await_log
        self._base = base
        self._become_main = become_main
        self._expected: dict[str, int] = {}  # runs whose line has been asked for already

    def expect(self, run: Run) -> None:
        """The process that says in its output that it is ready is about to be started: whoever
        reads it is asked before there is anything to read.
        """
        self._expected[run.fmri] = run.number
        self._await_log(run.fmri, run.number, run.definition.ready.pattern)

    def begin(self, run: Run, name: str, after: float) -> None:
        """Look for "ready", or at the health probe of that name. A look that goes on already goes
        on.
        """
        if name in run.looks:
            return
        if name == "ready":
            look = self._readiness(run, after)
        else:
            health = next((one for one in run.definition.health if one.name == name), None)
            look = self._health(run, health, after) if health is not None else None
        if look is not None:
            run.looks[name] = look

    @staticmethod
    def end(run: Run, name: str) -> None:
        """Look no more."""
        look = run.looks.pop(name, None)
        if look is not None:
            look.stop()

    def end_all(self, run: Run) -> None:
        """Look no more at anything of this run."""
        for name in list(run.looks):
            self.end(run, name)

    # -- inside

    def _attempt(
        self, run: Run, probe: Probe
    ) -> Callable[[Callable[[bool, str], object]], Callable[[], object]]:
        def begin(done: Callable[[bool, str], object]) -> Callable[[], object]:
            return Attempt(self._loop, probe, self._helper(run), done, self._base(run)).cancel

        return begin

    def _health(self, run: Run, health: Health, after: float) -> Look:
        def tell(ok: bool, text: str) -> bool:
            self._report.probed(run.fmri, run.number, health.name, ok, text)
            return False

        return Look(
            self._loop, self._attempt(run, health.probe), tell, health.probe.interval, after
        )

    def _readiness(self, run: Run, after: float) -> Look | None:
        ready = run.definition.ready
        if ready.kind == "log":
            if self._expected.pop(run.fmri, None) == run.number:
                return None
            self._await_log(run.fmri, run.number, ready.pattern)
            return None
        if ready.kind == "delay":
            return Look(self._loop, _at_once, self._ready(run), 3600.0, max(after, ready.delay))
        if ready.kind == "pidfile":
            return Look(self._loop, self._pidfile(run), _never, 0.1, after, _FIRST)
        probe = ready.probe
        if probe is None:
            if ready.kind != "file":
                return None
            probe = Probe(kind="file", target=ready.path, interval=_FILE.interval)
        return Look(
            self._loop, self._attempt(run, probe), self._ready(run), probe.interval, after, _FIRST
        )

    def _ready(self, run: Run) -> Callable[[bool, str], bool]:
        def tell(ok: bool, _text: str) -> bool:
            if ok:
                run.looks.pop("ready", None)
                self._report.ready(run.fmri, run.number, 0)
            return ok

        return tell

    def _pidfile(self, run: Run) -> Callable[[Callable[[bool, str], object]], Callable[[], object]]:
        """A pid in the file is believed when it is a live process of the contract, and the start
        method has ended.
        """

        def begin(done: Callable[[bool, str], object]) -> Callable[[], object]:
            pid = _read_pid(os.path.join(self._base(run), run.definition.ready.path))
            good = pid > 1 and "start" not in run.methods and run.contract.contains(pid)
            if good:
                stat = proc.stat(pid)
                good = stat is not None and not stat.zombie
            done(good, "")
            if good:
                self.end(run, "ready")
                self._become_main(run, pid)
                self._report.ready(run.fmri, run.number, pid)
            return lambda: None

        return begin


def _read_pid(path: str) -> int:
    try:
        with open(path, "rb") as file:
            words = file.read(64).split()
    except OSError:  # not written yet
        return 0
    return int(words[0]) if words and words[0].isdigit() else 0


def _at_once(done: Callable[[bool, str], object]) -> Callable[[], object]:
    done(True, "")
    return lambda: None


def _never(_ok: bool, _text: str) -> bool:
    return False
