"""When is a contract empty? Asked when something ended, watched only while somebody waits for it.

A contract in which a process lives that we started needs no watch: its end is told to us. Otherwise
its cgroup is watched (``cgroup.events``), or, without cgroups, it is looked at whenever a child
that nobody knows has ended: the last process of a contract is always our child, or the keeper's.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from stoker.linux import Loop, Timer, inotify
from stoker.linux import loop as epoll

from .contracts import Contract, Contracts
from .report import Report
from .runs import Run

__all__ = ["Emptiness"]

_SOONEST, _LATEST = 0.005, 10.0  # seconds between attempts to remove what is still dying
_BRIEF, _TRIES = 0.002, 500  # seconds between looks for an end that is still to be heard; how many


class Emptiness:
    """Tells `report.empty` once for each time that a run's contract has become empty, and removes
    contracts.
    """

    def __init__(self, loop: Loop, contracts: Contracts, report: Report) -> None:
        self._loop = loop
        self._contracts = contracts
        self._report = report
        self._checks: dict[Run, bool] = {}
        self._waiting: dict[
            Run, None
        ] = {}  # populated, and nothing in them is a child that we know
        self._inotify: inotify.Inotify | None = None
        self._watched: dict[int, Run] = {}
        self._leaving: dict[str, Contract] = {}
        self._orphans: dict[str, Contract] = {}
        self._timer: Timer | None = None
        self._pause = _SOONEST
        self._tries: dict[Run, int] = {}
        self.unheard: Callable[[Run], bool] = lambda _run: False
        """Whether how the last process of a contract ended is still to be heard: the kernel calls
        the contract empty a moment before that process can be reaped."""

    def check(self, run: Run, again: bool = False) -> None:
        """Look at it when this batch of happenings ends. `again`: tell even if told before."""
        self._checks[run] = self._checks.get(run, False) or again

    def stray_ended(self) -> None:
        """A process that we do not know has ended: it may have been the last one of something."""
        for run in self._waiting:
            self._checks.setdefault(run, False)
        if self._leaving or self._orphans:
            self._hurry()

    def settle(self) -> None:
        """The end of a batch."""
        checks, self._checks = self._checks, {}
        if not checks:
            return
        self._contracts.turn()
        for run, again in checks.items():
            if run.released:
                continue
            if run.direct():
                continue
            if run.contract.populated():
                run.populated = True
                if run.killing:
                    run.contract.kill()
                self._await(run)
                # What became empty before the watch stood is seen by looking once more.
                if run.watch >= 0 and not run.contract.populated():
                    self._empty(run, again)
            elif run.populated or again:
                self._empty(run, again)

    def _empty(self, run: Run, again: bool) -> None:
        tries = self._tries.pop(run, 0)
        if tries < _TRIES and self.unheard(run):
            self._tries[run] = tries + 1
            soon = time.monotonic_ns() + int(_BRIEF * 1e9)
            self._loop.at(soon, lambda: self.check(run, again))
            return
        run.populated = run.killing = False
        self._unwatch(run)
        self._report.empty(run.fmri, run.number)

    def forget(self, run: Run) -> None:
        """Nobody waits for it any more."""
        self._checks.pop(run, None)
        self._tries.pop(run, None)
        self._unwatch(run)

    # -- watching

    def _await(self, run: Run) -> None:
        self._waiting[run] = None
        path = run.contract.path
        if path is None or run.watch >= 0:
            return
        try:
            if self._inotify is None:
                self._inotify = inotify.Inotify()
                self._loop.watch(self._inotify.fd, epoll.READ, self._changed)
            watch = self._inotify.add(f"{path}/cgroup.events", inotify.MODIFY)
        except OSError as error:
            self._report.trouble(f"{path} cannot be watched: {error}")
            watch = None
        if watch is None:
            self._loop.at(time.monotonic_ns() + 100_000_000, lambda: self.check(run))
            return
        run.watch = watch
        self._watched[watch] = run

    def _unwatch(self, run: Run) -> None:
        self._waiting.pop(run, None)
        if run.watch >= 0:
            self._watched.pop(run.watch, None)
            if self._inotify is not None:
                self._inotify.remove(run.watch)
            run.watch = -1

    def _changed(self, _events: int) -> None:
        if self._inotify is None:
            return
        for change in self._inotify.read():
            if change.mask & inotify.OVERFLOW:
                for run in self._watched.values():
                    self.check(run)
            run_ = self._watched.get(change.watch)
            if run_ is not None:
                self.check(run_)

    def close(self) -> None:
        """End all watches."""
        for run in list(self._waiting):
            self._unwatch(run)
        if self._inotify is not None:
            self._loop.forget(self._inotify.fd)
            self._inotify.close()
            self._inotify = None

    # -- removing

    def remove_later(self, contract: Contract, quietly: bool = False) -> None:
        """Remove a contract, now or when its last process has ended. `quietly`: it may live on
        (abandoned).
        """
        if contract.remove():
            return
        if quietly:
            self._orphans.setdefault(contract.name, contract)
        self._leaving[contract.name] = contract
        self._hurry()

    def orphan(self, contract: Contract) -> None:
        """Tell by `report.orphans_gone` when it is empty."""
        self._orphans[contract.name] = contract
        self._leaving[contract.name] = contract
        self._hurry()

    @property
    def orphans(self) -> list[Contract]:
        """Contracts that live on without a run."""
        return list(self._orphans.values())

    def _hurry(self) -> None:
        self._pause = _SOONEST
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.at(time.monotonic_ns() + int(self._pause * 1e9), self._remove)

    def _remove(self) -> None:
        self._timer = None
        self._contracts.turn()
        for name, contract in list(self._leaving.items()):
            if contract.remove():
                del self._leaving[name]
                if self._orphans.pop(name, None) is not None:
                    self._report.orphans_gone(contract.ctid)
        if self._leaving:
            self._pause = min(_LATEST, self._pause * 2)
            self._timer = self._loop.at(time.monotonic_ns() + int(self._pause * 1e9), self._remove)
