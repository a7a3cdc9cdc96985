"""sysmgr: a directory of executables, a directory of files that shows them, four commands.

``sysmgr`` makes the directory SYSDIR a place and becomes its keeper; the manager publishes RUNDIR
(`stoker.interfaces.RunDirectory`). The other commands know the files alone: they work on a RUNDIR
that the original publishes as on ours, and the original's commands work on ours.

Source of what they do: the original's four programs and pages (version 0.1.1), as the documents
tell in "coming from sysmgr".

Invariants: no process is signalled that cannot be the one its file was written for; nothing waits
for the manager where the original does not wait.
"""

from __future__ import annotations

__all__: list[str] = []
