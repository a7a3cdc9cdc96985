"""What svcs asks of the manager, and what follows from it: needs, logs, restarters, processes.

Everything comes through the control socket; of processes /proc tells when they began.
"""

from __future__ import annotations

from .svcs_columns import seconds_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stoker.client import Client
    from stoker.model import Place

    Row = dict[str, Any]

__all__ = ["MASTER", "RUNNING", "Process", "World"]

MASTER = "svc:/system/svc/restarter:default"
"""The restarter that is the manager itself."""

RUNNING = ("online", "degraded")


class Process:
    """One process of an instance; `began` in wall seconds, 0 where that is not known."""

    def __init__(self, pid: int, name: str, command: str, began: float) -> None:
        self.pid, self.name, self.command, self.began = pid, name, command, began


class World:
    """All instances as they are at one moment. Raises NoManager where there is none to ask."""

    def __init__(self, client: Client | None = None, place: Place | None = None) -> None:
        if client is None:
            from stoker.client import connect, place_of

            place = place_of()
            client = connect(place)
        self.client = client
        self.place = place
        self.rows: dict[str, Row] = {
            row["fmri"]: row for row in client.get("/v1/instances")["instances"]
        }
        self._statuses: dict[str, dict[str, Any]] = {}
        self._definitions: dict[str, dict[str, Any]] = {}
        self._missing: dict[str, list[str]] | None = None
        self._booted = 0.0

    def seconds(self, fmri: str) -> float:
        """Since when it is in its state."""
        return seconds_of(self.rows[fmri]["state_time"])

    def status(self, fmri: str) -> dict[str, Any]:
        """Everything about one (`stoker.model.StatusView`)."""
        found = self._statuses.get(fmri)
        if found is None:
            from stoker.client import quote

            found = self.client.get(f"/v1/instances/{quote(fmri)}")["status"]
            self._statuses[fmri] = found
        return found

    def restarter(self, fmri: str) -> str:
        """Which restarter an instance is of."""
        found = self._definitions.get(fmri)
        if found is None:
            from stoker.client import quote

            found = self.client.get(f"/v1/instances/{quote(fmri)}/definition")["definition"]
            self._definitions[fmri] = found
        return str(found.get("restarter") or MASTER)

    def missing(self, fmri: str) -> list[str]:
        """What the last reading found odd about its methods: programs that are not here."""
        if self._missing is None:
            self._missing = {}
            for row in self.client.get("/v1/check")["mistakes"]:
                if (row["key"] or "").endswith("/exec"):
                    for name in row["fmri"].split():
                        self._missing.setdefault(name, []).append(f"{row['key']}: {row['message']}")
        return self._missing.get(fmri, [])

    def log(self, fmri: str) -> str:
        """The file that its log is."""
        told = str(self.status(fmri)["log"])
        if told.startswith("/") or self.place is None:
            return told
        return f"{self.place.logs}/{_folder_of(fmri)}/current"

    def refusal(self, fmri: str) -> dict[str, Any] | None:
        """The administrator's word by which it is disabled; None where its definition says so."""
        status = self.status(fmri)
        override, choice = status["override"], status["choice"]
        if override is not None and not override["value"]:
            return dict(override)
        # A choice for the next boot says nothing of now.
        if choice is not None and not choice["enabled"] and not choice["later"]:
            return dict(choice)
        return None

    def comment(self, fmri: str) -> str:
        """What was said when it was disabled, "" where nothing was."""
        text = str((self.refusal(fmri) or {"why": ""})["why"])
        return "" if text == "svcadm disable" else text

    # -- who needs whom

    def groups(self, fmri: str) -> list[list[Row]]:
        """Its dependencies: for each group the rows of its entities. What is mere order is none."""
        found: list[list[Row]] = []
        for row in self.status(fmri)["dependencies"]:
            if row["grouping"] == "order" or row["group"] == "restarter":
                continue  # of its restarter svcs tells elsewhere
            if found and found[-1][0]["group"] == row["group"]:
                found[-1].append(row)
            else:
                found.append([row])
        return found

    def members(self, target: str) -> list[str]:
        """The instances that an entity stands for."""
        if target in self.rows:
            return [target]
        start = target + ":"
        return [fmri for fmri in self.rows if fmri.startswith(start)]

    def needs(self, fmri: str) -> list[str]:
        """The instances that it depends on; those that exclude it are left out, and files."""
        return [
            member
            for rows in self.groups(fmri)
            for row in rows
            if row["grouping"] != "exclude_all" and row["target"].startswith("svc:")
            for member in self.members(row["target"])
        ]

    def needed_by(self, fmri: str) -> list[str]:
        """The instances that depend on it, or on its service."""
        from stoker.model import canonical

        named = [canonical(name) for name in self.status(fmri)["dependents"]]
        return [o for o in dict.fromkeys(named) if o in self.rows and fmri in self.needs(o)]

    def standing(self, row: Row) -> str:
        """How the entity of a dependency is, as `svcs -l` has it."""
        target = row["target"]
        if not target.startswith("svc:"):
            return "online" if row["state"] == "present" else str(row["state"])
        them = self.members(target)
        if len(them) > 1:
            return "multiple"
        return str(self.rows[them[0]]["state"]) if them else str(row["state"])

    # -- processes

    def processes(self, fmri: str) -> list[Process]:
        """Its processes, parents before children."""
        found = []
        for row in self.status(fmri)["processes"]:
            words = row["command"].split(" ", 1)[0]
            name, began = _stat(row["pid"])
            if began:
                began += self._boot()
            short = name or words.rpartition("/")[2]
            found.append(Process(row["pid"], short, row["command"], began))
        return found

    def _boot(self) -> float:
        if not self._booted:
            import time

            self._booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return self._booted


def _stat(pid: int) -> tuple[str, float]:
    """Name of a process and the seconds from boot to its begin; "", 0 where it is gone."""
    import os

    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return "", 0.0  # it ended since, or lives where we do not see it
    head, _, rest = text.rpartition(")")
    return head.partition("(")[2], int(rest.split()[19]) / os.sysconf("SC_CLK_TCK")


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,+@:")


def _folder_of(fmri: str) -> str:
    """The folder of an instance's log, as the recorder calls it (a test holds them together)."""
    name = fmri.removeprefix("svc:/").removesuffix(":default")
    return "".join(
        char if char in _PLAIN and (at or char != ".") else f"%{ord(char):02X}"
        for at, char in enumerate(name)
    )
