"""The doors into a manager: the control socket (HTTP/1.1 with JSON), `rundir`, a directory of
files, `supervise`, directories as daemontools has them, and `rpc`, nosh's datagrams.

The control socket decides who may ask what (roles, from the kernel's word about the peer), how a
question becomes a call of the manager, and how much a client may cost. Everything that can be asked
stands in one table (`ROUTES`), from which requests are dispatched and the OpenAPI document is
generated.

Invariants:

- Nothing here waits: sockets are non-blocking, a slow client costs a bounded buffer and then a gap
  in its stream or its connection, never the manager's time.
- What a client sends can at worst end its own connection. Garbage is answered with 400 and closed.
- Names that people type are resolved here, by `stoker.model.matching`; the manager only sees
  canonical ones.
- Every request that changes something is written to the manager's log with who asked.

Must not: decide about services, read or write files of a place (the socket's mode, and what
`rundir` and `supervise` show, apart).
"""

from __future__ import annotations

from .offers import Offers
from .roles import Peer, Role
from .routes import ROUTES, Route
from .server import ControlSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .document import openapi
    from .rpc import RPC
    from .rundir import RunDirectory
    from .supervise import SuperviseDirectories

__all__ = [
    "ROUTES",
    "RPC",
    "ControlSocket",
    "Offers",
    "Peer",
    "Role",
    "Route",
    "RunDirectory",
    "SuperviseDirectories",
    "openapi",
]


def __getattr__(name: str) -> Any:
    if name == "openapi":  # hardly ever asked for, and a manager starts sooner without it
        return __import__(f"{__name__}.document", fromlist=[name]).openapi
    if name == "RPC":  # services come first
        return __import__(f"{__name__}.rpc", fromlist=[name]).RPC
    if name == "RunDirectory":  # of those places alone that show themselves as files
        return __import__(f"{__name__}.rundir", fromlist=[name]).RunDirectory
    if name == "SuperviseDirectories":  # of those alone that have bundles
        return __import__(f"{__name__}.supervise", fromlist=[name]).SuperviseDirectories
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
