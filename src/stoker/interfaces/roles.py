"""Who may do what here: the kernel's word about the peer, judged as `stoker.model.rights` does. Who
has nothing is refused with 403.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from stoker.linux import peer
from stoker.model import Level as Role
from stoker.model import Peer, Rights
from stoker.model import rights_of as judge

__all__ = ["Peer", "Rights", "Role", "peer_of", "rights_of"]


def peer_of(connection: socket.socket) -> Peer:
    """Ask the kernel who connected. Raises OSError."""
    return Peer(*peer.credentials(connection))


def rights_of(who: Peer, settings: Any, owner: int | None = None) -> Rights:
    """What the settings grant. `owner`: of the place, by default the manager's uid."""
    return judge(who, settings.roles, os.getuid() if owner is None else owner)
