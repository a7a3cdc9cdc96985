"""The service managers that are measured, each behind the one interface of `base`."""

from __future__ import annotations

from ..tools import Tools
from .base import Absent, Edges, Peer, Place, name_of
from .circus import Circus
from .daemontools import Daemontools
from .dinit import Dinit
from .finit import Finit
from .openrc import SuperviseDaemon
from .ours import Stoker
from .pm2 import Pm2
from .popen import Popen
from .runit import Runit
from .s6 import S6
from .supervisor import Supervisor
from .systemd import Systemd

__all__ = ["ALL", "Absent", "Edges", "Peer", "Place", "Tools", "name_of"]

ALL: tuple[type[Peer], ...] = (
    Popen,
    Stoker,
    Dinit,
    Finit,
    S6,
    Runit,
    Daemontools,
    Systemd,
    SuperviseDaemon,
    Supervisor,
    Circus,
    Pm2,
)
"""In the sequence of the table: the floor, us, the others."""
