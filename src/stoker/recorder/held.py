"""What the keeper holds for the recorder under ``rec/``, so that a successor goes on where we
died.
"""

from __future__ import annotations

import json
import os
from typing import Any, Protocol

from stoker.linux import faults

from .journal import Journal, Table

__all__ = ["Held", "Keeper"]


class Keeper(Protocol):
    """What is needed of `linux.channel.Channel`."""

    def list(self, prefix: str = "") -> Any:
        """All that is held under a prefix: an object with `items`, descriptors by name."""

    def put(self, descriptors: dict[str, int]) -> None:
        """Have descriptors held."""


STAGE_R, STAGE_W, JOURNAL, TABLE, SETTINGS = (
    "rec/stage.r", "rec/stage.w", "rec/journal", "rec/table", "rec/settings",
)  # fmt: skip


class Held:
    """`journal` and `table` as a predecessor left them, or new ones; `settings` of each instance
    as last told.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        there: dict[str, int] = dict(keeper.list("rec/").items)
        if not all(name in there for name in (STAGE_R, STAGE_W, JOURNAL, TABLE)):
            for fd in there.values():
                os.close(fd)
            reader, writer, memory = Journal.create()
            there = {STAGE_R: reader, STAGE_W: writer, JOURNAL: memory, TABLE: Table.create()}
            faults.point("holding")
            # One packet: either the keeper has all four or none.
            keeper.put(there)
        self.journal = Journal(there[STAGE_R], there[STAGE_W], there[JOURNAL])
        self.table = Table(there[TABLE])
        self._settings_fd = there.get(SETTINGS, -1)
        self.settings: dict[str, dict[str, Any]] = self._read()
        self.changed = False

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._settings_fd < 0:
            return {}
        data = os.pread(self._settings_fd, os.fstat(self._settings_fd).st_size, 0)
        try:
            kinds, of = json.loads(data)
            return {fmri: kinds[number] for fmri, number in of.items()}
        except (ValueError, TypeError, IndexError, AttributeError):
            # Another version's: the manager sends the settings anew as soon as it hears of us.
            return {}

    def set(self, fmri: str, settings: dict[str, Any] | None) -> None:
        """Remember how an instance's output is kept; written by the next `store`."""
        if self.settings.get(fmri) == settings:
            return
        if settings is None:
            self.settings.pop(fmri, None)
        else:
            self.settings[fmri] = settings
        self.changed = True

    def store(self) -> None:
        """Hand the settings to the keeper, if they have changed: a new memory each time, swapped
        at once.
        """
        if not self.changed:
            return
        self.changed = False
        kinds: dict[str, int] = {}
        of = {
            fmri: kinds.setdefault(json.dumps(one, sort_keys=True), len(kinds))
            for fmri, one in self.settings.items()
        }
        text = json.dumps([[json.loads(kind) for kind in kinds], of])
        memory = os.memfd_create("stoker-settings", os.MFD_CLOEXEC)
        data = memoryview(text.encode("ascii"))
        while data:
            data = data[os.write(memory, data) :]
        try:
            self._keeper.put({SETTINGS: memory})
        except (EOFError, TimeoutError, OSError):
            pass  # the keeper is lost: who takes its place asks us for everything
        if self._settings_fd >= 0:
            os.close(self._settings_fd)
        self._settings_fd = memory

    def descriptors(self) -> dict[str, int]:
        """All of them by name, to hand them to a new keeper."""
        there = {
            STAGE_R: self.journal.reader,
            STAGE_W: self.journal.writer,
            JOURNAL: self.journal.memory,
            TABLE: self.table.memory,
        }
        if self._settings_fd >= 0:
            there[SETTINGS] = self._settings_fd
        return there
