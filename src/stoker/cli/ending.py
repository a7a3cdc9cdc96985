"""Going down: telling when a process has ended, and what is waited for meanwhile."""

from __future__ import annotations

import os
import select
import time

from stoker.errors import NoManager, NotYet, StokerError

from .ask import fmri_path
from .say import age, clean, note, seconds_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from stoker.client import Client

__all__ = ["Ending", "Reporter"]


class Ending:
    """Tells when a process has ended, without being its parent."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self.fd = os.pidfd_open(pid) if pid else -1
        except OSError:
            self.fd = -1  # it has ended, or this kernel has no pidfds: then by looking

    def within(self, seconds: float) -> bool:
        """Wait so long; true when it has ended."""
        if self.fd >= 0:
            return bool(select.select([self.fd], [], [], max(0.0, seconds))[0])
        time.sleep(min(0.05, max(0.0, seconds)))
        return not os.path.exists(f"/proc/{self.pid}")


class Reporter:
    """Says which instances are still going down: name, processes, what was done, seconds."""

    def __init__(self, client: Client, say: Callable[[str], object] = note) -> None:
        self.client = client
        self.say = say
        self._told: dict[str, tuple[str, float]] = {}

    def tell(self, seconds: float) -> None:
        """Once a second or so; each instance when something changed, else every five seconds."""
        try:
            for row in self.client.get("/v1/instances", patience=2)["instances"]:
                if row["stage"] in ("stop", "kill", "decide", "cleanup"):
                    self._tell_of(row, seconds)
        except (NoManager, NotYet):
            return  # the manager has ended: the keeper is next
        except StokerError:
            return  # one that was listed a moment ago is gone

    def _tell_of(self, row: dict[str, Any], seconds: float) -> None:
        status = self.client.get(fmri_path(row["fmri"]), patience=2)["status"]
        pids = [str(process["pid"]) for process in status["processes"]]
        if not pids and row["pid"]:
            pids = [str(row["pid"])]
        some = ", ".join(pids[:6]) + (" …" if len(pids) > 6 else "")
        what = f"{'processes' if len(pids) > 1 else 'process'} {some}" if pids else "its end"
        more = row["note"] or f"{row['stage']} for {age(seconds)}"
        if row["until"] and more.endswith("is next"):
            more += f" in {age(seconds_of(row['until']) - time.time())}"
        key = f"{what} {row['stage']}"
        before, when = self._told.get(row["fmri"], ("", 0.0))
        if key != before or seconds - when >= 5:
            self._told[row["fmri"]] = (key, seconds)
            self.say(clean(f"waiting for {row['name']}: {what}: {more} ({age(seconds)})"))
