"""Names by which other inits are operated, for fingers and scripts: each is a few words for
`system-control`, as nosh's compatibility tool has them (nosh.md 5.2).

They stand for a common part of the originals, not for all of it. Installed by name alone, because
the machine's own init may have programs that are called so: ``stoker install-commands DIR shims``.

Invariants: a shim decides nothing; what it says and exits with is `system-control`'s, and 1 where
its own words are not understood.
"""

from __future__ import annotations

__all__: list[str] = []
"""Its modules are reached by the registry of commands alone."""
