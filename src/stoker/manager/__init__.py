"""The manager: one turn after the other, restart-safe.

Decides nothing about services (the engine does) and does nothing to processes (the executor does).
It decides the order: happenings become events, the engine answers with effects, what changed is
written to the state log, and only then are the effects carried out. It loads definitions, takes
over what a predecessor left, and offers what the doors need.

Invariants:

- A record of the intention is written before the act, one of the result after it; a manager may die
  at any instruction.
- One thread; no call waits for a disk, a recorder or a client; no text of people's is parsed here.
- An exception that one service, client or probe causes is logged and contained.

Must not: know a format, a protocol of clients, or a state that the engine does not show.
"""

from __future__ import annotations

from .beginning import begin
from .carry import Carrier
from .core import Manager, log_line
from .happenings import Happenings
from .keeping import Keeping
from .link import Link
from .reload import changes
from .restoring import SHOWN, Records, kept_end, take_over
from .ring import Ring
from .statelog import StateLog
from .succession import succeed
from .watching import Watching

__all__ = [
    "SHOWN",
    "Carrier",
    "Happenings",
    "Keeping",
    "Link",
    "Manager",
    "Records",
    "Ring",
    "StateLog",
    "Watching",
    "begin",
    "changes",
    "kept_end",
    "log_line",
    "succeed",
    "take_over",
]
