"""What must outlive us, on disk: administrators' choices, and what happened.

Two SQLite files (WAL), each with one writer, the recorder:

- the **repository** (`Repository`): one row for each choice of an administrator (enabled, who,
  when, why, until), and properties (`layers`): imported services, what administrators set
  above files and imports, snapshots. A change is acknowledged only after its commit has been
  fsynced (``synchronous=FULL``). Backups are kept beside it.
- the **history** (`History`): transitions, runs, operations; bounded in rows and in age; may lose
  its last second (``synchronous=NORMAL``), never its shape.

They are apart because a choice is small, precious and backed up, and history is none of these;
and because on a machine the choices lie on the root file system and the history below /var.

Invariants: a file is checked (``quick_check``) before it is used; a damaged one is moved aside as
``NAME.damaged-TIME``, never deleted, and what was done about it is said (`notices`). A choice is
in the file wholly or not at all. When the file cannot be written (disk full, read only) a
`RepositoryError` says why and nothing has changed.

It must not: decide what a choice means, print, start anything, or be used by the manager (which
never waits for a disk).
"""

from __future__ import annotations

from .choices import Repository
from .history import History, open_readonly, operations, runs, transitions
from .layers import rows as properties
from .layers import touches_layer

__all__ = [
    "History",
    "Repository",
    "open_readonly",
    "operations",
    "properties",
    "runs",
    "touches_layer",
    "transitions",
]
