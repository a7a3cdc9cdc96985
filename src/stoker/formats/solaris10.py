"""What manifests come to in a place whose settings ask for the customs of Solaris 10."""

from __future__ import annotations

import msgspec

from stoker.model import Definition

from .composing import NODAEMON, RATE

__all__ = ["as_solaris10"]

_RATE = (10, 1.0)


def as_solaris10(one: Definition) -> Definition:
    """A manifest's definition where Solaris 10 counts otherwise: ten starts that follow each other
    within a second on average are too many, and no exit status means that there is no daemon.
    """
    ready, restart = one.ready, one.restart
    if one.format != "manifest":
        return one
    if ready.nothing == NODAEMON:
        ready = msgspec.structs.replace(ready, nothing=None)
    if restart.rate_average and (restart.rate_count, restart.rate_period) == RATE:
        restart = msgspec.structs.replace(restart, rate_count=_RATE[0], rate_period=_RATE[1])
    return msgspec.structs.replace(one, ready=ready, restart=restart)
