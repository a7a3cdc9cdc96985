"""The door of files: a directory that shows what runs, and that people act on with rm, kill, echo.

It is sysmgr's RUNDIR. For a service that runs there are ``NAME/pid`` and ``NAME/syspid``; for one
that is not to be started, or not again, ``NAME/lock`` with a number; ``pid`` names the keeper. What
people do to these files is asked of the manager: a lock that is removed, alone or with all of NAME,
means start; one that is written means that NAME is not started (again); what kills the process that
``syspid`` names means stop.

Invariants:

- Files are compared with what was shown before, never taken from the order of notices: however many
  changes came together, what is there now counts, and our own changes mean nothing.
- What was shown is remembered in the manager's state, after it was shown; a successor finds what
  people did while no manager was there.
- No process is ever signalled because a file names it. A stand-in is a child of ours, or of the
  keeper's and looked at before it is believed.
- A file system that is full or read-only costs the view, not the services; it is tried again, and
  said.

Must not: decide about services; follow a link out of the directory; remove what is not ours.
"""

from __future__ import annotations

from .door import RunDirectory

__all__ = ["RunDirectory"]
