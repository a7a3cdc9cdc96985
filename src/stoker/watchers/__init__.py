"""Watchers: small services of ours that tell a manager about the machine it runs on.

One for each input: `time` (TIME: the clock is kept right), `mounts` (MOUNTS: what fstab wants is
mounted), `network` (NETWORK: there is a default route), `sleep` (active: logind is about to put the
machine to sleep). Each is an ordinary service, defined by the TOML file beside its module, which is
added to a place while a service there names the condition (`stoker.formats` does that). So each is
seen, logged, restarted and stopped like any other.

Invariants:

- Woken by the kernel or the bus, not by the clock, wherever there is something to be woken by.
- Told at once, told again whenever the manager was replaced, and ready (READY=1) when it has been
  told for the first time: whoever waits for a place to settle has waited for this.
- Nothing is decided here: a watcher says what it sees; a person's `stoker system set` overrules it.

Must not: import anything of the manager's, keep state, or act on the machine.
"""

from __future__ import annotations

from .program import main
from .telling import Sight, Watcher, watch

__all__ = ["Sight", "Watcher", "main", "watch"]
