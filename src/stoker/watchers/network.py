"""NETWORK: there is a default route, of IPv4 or IPv6. Woken by rtnetlink(7)."""

from __future__ import annotations

import select

from stoker.linux import routes

from .telling import Sight, watch

__all__ = ["Network", "run"]


class Network:
    """Default routes, and word of their change."""

    gives = "NETWORK"

    def __init__(self) -> None:
        self._changes = routes.RouteChanges()

    def look(self) -> Sight:
        """The first default route, if there is one."""
        found = routes.default_routes()
        if not found:
            return Sight(False, "there is no default route")
        interface, gateway = found[0]
        way = f"by {gateway}" if gateway else "directly"
        return Sight(True, f"the default route leads {way} through {interface or 'some interface'}")

    def descriptors(self) -> dict[int, int]:
        """The netlink socket."""
        return {self._changes.fd: select.POLLIN}

    def heard(self, fd: int) -> None:
        """Several changes at once are one look."""
        self._changes.read()

    def patience(self) -> float | None:
        """Never: the kernel tells."""
        return None

    def close(self) -> None:
        """Give the descriptor back."""
        self._changes.close()


def run() -> None:
    """Watch for ever."""
    watch(Network())
