"""What a manager says where services' output goes (`stoker run`): that a service is given up or
degraded, what signal came, and why everything ends.

In a container the log file is where nobody looks; on standard error of the container everybody
does. Said is what the end of the output alone does not tell: nothing when a command that is all
there is has ended by itself.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

from stoker.engine import Publish
from stoker.model import display

if TYPE_CHECKING:
    from .core import Manager

__all__ = ["Aloud"]

_LOUD = ("maintenance", "degraded")


class Aloud:
    """`fd`: where to, -1 for nowhere."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self.fd = -1

    def say(self, text: str) -> None:
        """One line, if it is taken at once."""
        if self.fd < 0:
            return
        poll = select.poll()
        poll.register(self.fd, select.POLLOUT)
        if not any(events & select.POLLOUT for _, events in poll.poll(0)):
            return  # whoever reads is late: nothing here waits
        line = f"stoker: {text}".replace("\n", " ").encode("utf-8", "backslashreplace")
        try:
            os.write(self.fd, line[: select.PIPE_BUF - 1] + b"\n")
        except OSError:
            self.fd = -1  # nobody reads any more

    def published(self, effect: Publish) -> None:
        """An instance has come into another state."""
        if self.fd < 0 or effect.state not in _LOUD or effect.state == effect.old_state:
            return
        if not self._plain_end(effect.fmri):
            self.say(f"{display(effect.fmri)}: {effect.text or effect.state}")

    def _plain_end(self, fmri: str) -> bool:
        """Whether it is a command that is all there is and has ended by itself: its status says
        so.
        """
        i = self._manager.engine.instances.get(fmri)
        if i is None or i.definition.log.prefix:
            return False
        end = i.gone or i.records.get("main")
        return end is not None and end.kind == "exit"

    def ending(self) -> None:
        """Everything is down."""
        down = self._manager.engine.shutdown
        if self.fd < 0 or down is None or not down.status:
            return
        if any(one.log.prefix for one in self._manager.compiled.definitions):
            self.say(f"all {down.cause.text}; status {down.status}")
