"""Draining every service's output to files, and writing what must outlive us. A process of its own.

It decides how output is cut into files, stamped, rotated, compressed and read back, and when
choices and history are committed. It is three programs: `main` (the recorder proper, kept by the
keeper), `read_main` (a reader: one short-lived process for each question, so that a slow one never
holds up the draining) and `cycle_main` (a recorder for standard input alone, without a manager).

Invariants:

- Reading never stops: not for a full disk, an unwritable folder, a dead manager, a dead keeper or
  a slow reader. What cannot be kept is counted, and the count stands in the log as soon as one
  can be written.
- Every line stands in exactly one file, once, in order, whichever instruction a recorder dies at
  (see `journal`).
- Memory is bounded: one block, the open files' numbers, and what the manager's messages bring,
  never a service's output.
- A choice is answered ``saved`` only after fsync; choices that arrive together share one.

Messages of the link beyond those every manager needs (all optional): manager → recorder
``["note", fmri, text, after]`` (a line of the manager's in that log),
``["watch", fmri, run, regex]`` → ``["matched", fmri, run, line]``, ``["bounds", rows, age]`` (how
much history is kept), ``["roles", rows]`` (who else may read: may, users, groups, services),
``["rotate", fmri or null]``, ``["handback"]`` → ``["hand", names, more]`` with descriptors (after
which the recorder ends).

Files, below the log directory: see `names`; lines in them: see `lines`. ``RUN/records`` answers
questions: see `read`.

It must not: start services, know states, import msgspec, or be waited for by the manager.
"""

from __future__ import annotations

__all__ = ["cycle_main", "main", "read_main"]


def main(argv: list[str] | None = None) -> int:
    """The recorder: ``recorder RUN``, with the keeper's channel in STOKER_KEEPER. Returns its
    exit status.
    """
    from .program import main as run

    return run(argv)


def read_main(argv: list[str] | None = None) -> int:
    """The reader: ``read LOGS HISTORY``, one question on standard input, the answer on standard
    output.
    """
    from .read import main as run

    return run(argv)


def cycle_main(argv: list[str] | None = None) -> int:
    """A log of standard input: ``cyclog SIZE TOTAL MARGIN DIRECTORY…``."""
    import sys

    from .cycle import main as run

    return run(sys.argv[1:] if argv is None else argv)
