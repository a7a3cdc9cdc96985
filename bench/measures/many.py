"""Many independent services: start, stop, memory; and at the main size kills, control."""

from __future__ import annotations

import statistics
import time

from .. import proc
from ..peers import Peer
from .scene import Running, Scene, running, went

__all__ = ["Many", "Nothing"]

_KILLS = 200
_TIMES = 7  # a command is run so often


class Many(Scene):
    """`count` services; `full`: also what is measured while they are up."""

    def __init__(self, count: int, full: bool, rounds: int | None, kills: int = _KILLS) -> None:
        self.count = count
        self.full = full
        self.rounds = rounds
        self.kills = kills
        self.name = f"start of {count}"

    def suits(self, peer: Peer) -> bool:
        if self.beyond(peer):
            return False
        if self.count > 5000:
            return peer.name in ("floor", "stoker")
        return self.count <= 1000 or peer.name != "pm2"

    def beyond(self, peer: Peer) -> str:
        if peer.most is None or not peer.most < self.count <= 5000:
            return ""
        return f"not tried: {peer.bound}"

    def measure(self, peer: Peer) -> dict[str, float]:
        count = self.count
        with running(peer, count) as up:
            found = {
                f"start of {count}, s": up.took,
                f"its processor time, {count}, s": up.cpu,
            }
            if peer.name != "floor":
                time.sleep(0.3)  # what is still to be done after the last start is done
                whole = proc.pss(up.place.managers())
                found[f"PSS with {count}, MB"] = whole
                if self.full:
                    found |= _while_up(up, peer, self.kills)
            found[f"stop of {count}, s"] = up.stop()
        return found


class Nothing(Scene):
    """No services: what the manager itself takes."""

    name = "nothing"
    rounds = 1

    def suits(self, peer: Peer) -> bool:
        return peer.name not in ("floor", "openrc", "pm2")

    def measure(self, peer: Peer) -> dict[str, float]:
        with running(peer, 0) as up:
            time.sleep(1)
            return {"PSS with 0, MB": proc.pss(up.place.managers())}


def _while_up(up: Running, peer: Peer, kills: int) -> dict[str, float]:
    found = {}
    pids = up.place.outside(up.stamps.pids())
    if peer.waits:
        kills = min(kills, 5)
    times = []
    for pid in pids[10 : 10 + kills]:
        times.append(up.kill(pid))
        time.sleep(0.003)
    found["killed → running again, p50, ms"] = statistics.median(times)
    if len(times) >= 100:
        found["killed → running again, p99, ms"] = statistics.quantiles(times, n=100)[98]
    return found | _commands(up, peer)


def _commands(up: Running, peer: Peer) -> dict[str, float]:
    place, found = up.place, {}
    one = place.names[0]
    rows = {
        "status of one, ms": place.status_one(one),
        f"states of all {place.count}, ms": place.status_all(),
    }
    for key, argv in rows.items():
        if argv:
            found[key] = statistics.median(went(place, argv) for _ in range(_TIMES))
    stop, start = place.stop_one(one), place.start_one(one)
    if stop and start:
        pairs = [(went(place, stop), went(place, start)) for _ in range(3)]
        found["stop of one, ms"] = statistics.median(pair[0] for pair in pairs)
        found["start of one, ms"] = statistics.median(pair[1] for pair in pairs)
    if peer.name == "stoker":
        argv = place.reload(place.names[1])
        assert argv is not None
        found[f"reload, one of {place.count} changed, ms"] = went(place, argv)
    return found
