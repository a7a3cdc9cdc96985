"""The control socket under load: requests, followers of events, and restarts beside them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from .. import load, proc
from ..peers import Peer
from .ours import Door, Ours
from .scene import Running, running

__all__ = ["Doors"]

RATE, FOLLOWERS = 2000, 200
_ONE = "s00001"
_LOADS = (("with requests", RATE, 0), ("with followers", 0, FOLLOWERS))
_BOTH = "with requests and followers"


class Doors(Ours):
    """Restarts with nothing beside them, then with each kind of load, then with both."""

    name = "doors"

    def __init__(self, count: int, kills: int) -> None:
        self.kills = max(2, min(kills, (count - 20) // 4))
        super().__init__(max(count, 4 * self.kills + 20))

    def measure(self, peer: Peer) -> dict[str, float]:
        with running(peer, self.count) as up:
            time.sleep(0.5)
            door = Door(up)
            manager = door.manager()
            pids = iter(up.place.outside(up.stamps.pids())[10:])
            found = _flat_out(door, manager) | self._restarts(up, pids, "quiet")
            program = load.make(up.place.base.parent)
            for how, rate, followers in (*_LOADS, (_BOTH, RATE, FOLLOWERS)) if program else ():
                assert program is not None
                with load.Load(program, door.path, door.one(_ONE), rate, followers) as beside:
                    before = proc.cost([manager])
                    found |= self._restarts(up, pids, how)
                    told = beside.end()
                core = proc.cost([manager]).since(before).cpu / told.seconds
                found[f"control: manager {how}, % of a core"] = 100 * core
                if rate:
                    found |= _told(told, how)
            up.stop()
        return found

    def _restarts(self, up: Running, pids: Iterator[int], how: str) -> dict[str, float]:
        """Services that nobody has killed before, one after the other."""
        times = []
        for _ in range(self.kills):
            times.append(up.kill(next(pids)))
            time.sleep(0.005)
        return {
            f"control: restart p50 {how}, ms": statistics.median(times),
            f"control: restart p99 {how}, ms": statistics.quantiles(times, n=100)[98],
        }


def _flat_out(door: Door, manager: int) -> dict[str, float]:
    """One client that asks for the status of one, as fast as it is answered."""
    before, begun, count = proc.cost([manager]), time.monotonic(), 0
    while time.monotonic() < begun + 2:
        door.status(_ONE)
        count += 1
    spent = proc.cost([manager]).since(before).cpu
    return {
        "control: status of one, requests, a second of its core": count / spent,
        "control: status of one, requests by one client, a second": count / 2,
    }


def _told(told: load.Offered, how: str) -> dict[str, float]:
    return {
        f"control: offered {how}, a second": told.due / told.seconds,
        f"control: answered {how}, a second": told.answered / told.seconds,
        f"control: an answer {how}, p50, ms": told.p50,
        f"control: an answer {how}, p99, ms": told.p99,
    }
