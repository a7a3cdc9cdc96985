"""Descriptors, counted before they are used: a new service is refused with a sentence while there
are some left, rather than everything failing in the middle when there are none.

A service costs us one for each of its output pipes and one for its readiness, and the keeper, which
holds both ends of each pipe, two and one. Both must have the reserve left over: without a
descriptor the keeper could not even take the place down. We count what we add; only when that says
no, what is really open is looked at: after the keeper has taken all that was sent to it, and beside
it counts what was granted and is not opened yet, and what the recorder, which begins when we do,
has not given it yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from stoker.linux import limits

__all__ = ["Budget"]

_FRESH = 0.25  # seconds for which what was looked at is believed


class Budget:
    """`keeper`: the pid of who holds descriptors for us; `reserve`: how many are kept back.

    `raised(soft)` is called when our own limit was raised, with the one that services are to get;
    `most`: how far it may be raised (None: as far as it goes). `fence()` returns when the keeper
    has dealt with everything that we sent it: how many descriptors it will get from others.
    """

    def __init__(
        self,
        keeper: int,
        reserve: int,
        raised: Callable[[int], object] = lambda _soft: None,
        most: int | None = None,
        fence: Callable[[], int] = lambda: 0,
    ) -> None:
        self.keeper = keeper
        self.reserve = reserve
        self.most = most
        self._raised = raised
        self._fence = fence
        self._granted = (0, 0)  # and not opened yet
        self._looked: float | None = None  # not before the first start
        self._ours = self._kept = 0

    def take(self, ours: int, kept: int) -> str:
        """Count in so many of ours and of the keeper's; "", or why they cannot be had."""
        if not ours and not kept:
            return ""
        looked = self._look() if self._looked is None else self._looked
        text = self._short(ours, kept)
        if text and time.monotonic() - looked > _FRESH:
            self._look()
            text = self._short(ours, kept)
        if not text:
            self._ours += ours
            self._kept += kept
            self._granted = (self._granted[0] + ours, self._granted[1] + kept)
        return text

    def opened(self) -> None:
        """Whatever was granted has been opened and sent, or was given up."""
        self._granted = (0, 0)

    def _look(self) -> float:
        self._looked = time.monotonic()
        coming = self._fence()
        ours = limits.open_descriptors() or 0
        kept = limits.open_descriptors(self.keeper) or 0  # 0: refused, then only we count
        self._ours, self._kept = ours + self._granted[0], kept + coming + self._granted[1]
        return self._looked

    def _short(self, ours: int, kept: int) -> str:
        mine, his = limits.get("nofile"), limits.get("nofile", self.keeper)
        if mine is not None and self._over(self._ours + ours, mine[0]) and self._raise(mine[0]):
            mine = limits.get("nofile")
        if mine is not None and self._over(self._ours + ours, mine[0]):
            return self._sentence("manager", self._ours, mine[0])
        if his is not None and self._over(self._kept + kept, his[0]):
            return self._sentence("keeper", self._kept, his[0])
        return ""

    def _raise(self, soft: int) -> bool:
        """Raise our own limit as far as it may go; whether that helped."""
        if limits.raise_descriptors(self.most) <= soft:
            return False
        self._raised(soft)
        return True

    def _over(self, count: int, limit: int) -> bool:
        return limit >= 0 and count + self.reserve > limit

    def _sentence(self, who: str, used: int, limit: int) -> str:
        how = "fs.nr_open" if 0 < limits.most_descriptors() <= limit else "the hard limit"
        return (
            f"too few descriptors: the {who} has {used} of {limit} in use, and {self.reserve} are "
            f"kept back; raise {how}, or lower `reserve` in the settings"
        )
