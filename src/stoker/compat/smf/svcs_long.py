"""svcs -l: everything about an instance, a label of 13 columns before each line (svcs(1))."""

from __future__ import annotations

import time

from stoker.errors import StokerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .svcs_world import World

__all__ = ["Long"]


class Long:
    """Prints records; a blank line between two of them."""

    def __init__(self, world: World, flags: set[str]) -> None:
        self.world = world
        self.flags = flags

    def show(self, chosen: list[str]) -> None:
        """Print the records of these instances."""
        print("\n\n".join("\n".join(self.record(fmri)) for fmri in chosen), end="")
        if chosen:
            print()

    def record(self, fmri: str) -> list[str]:
        """The lines of one record."""
        world = self.world
        row = world.rows[fmri]
        lines = [_line("fmri", fmri)]
        if row["description"]:
            lines.append(_line("name", row["description"].replace("\n", " ")))
        if self.flags & {"Z", "z"}:
            lines.append(_line("zone", "global"))
        enabled = "true" if row["wanted"] else "false"
        temporary = " (temporary)" if row["wanted"] != row["enabled"] else ""
        lines.append(_line("enabled", enabled + temporary))
        comment = "" if row["wanted"] else world.comment(fmri)
        if comment:
            lines.append(_line("comment", comment.replace("\n", " ")))
        contract = "" if row["contract"] is None else f"{row['contract']} "
        lines += [
            _line("state", row["state"]),
            _line("next_state", row["next_state"] or "none"),
            _line("state_time", time.asctime(time.localtime(world.seconds(fmri)))),
            _line("logfile", world.log(fmri)),
            _line("restarter", world.restarter(fmri)),
            _line("contract_id", contract),
        ]
        for rows in world.groups(fmri):
            entities = " ".join(f"{_entity(one['target'])} ({world.standing(one)})" for one in rows)
            how = f"{rows[0]['grouping']}/{rows[0]['restart_on']}"
            lines.append(_line("dependency", f"{how} {entities}"))
        if "p" in self.flags:
            lines += [_line("process", f"{p.pid:<6} {p.command}") for p in world.processes(fmri)]
        if "v" in self.flags:
            lines += self._application(fmri)
        return lines

    def _application(self, fmri: str) -> list[str]:
        """The properties of the application's own groups."""
        from .tree import Tree
        from .words import quoted

        try:
            groups = Tree(self.world.place).in_effect(fmri)
        except StokerError:
            return []  # its files are not for us to read; what the manager knows stands above
        return [
            _line("property", f"{name}/{key} {one.type} {' '.join(map(quoted, one.values))}")
            for name, group in groups.items()
            if group.type == "application"
            for key, one in group.properties.items()
        ]


def _line(label: str, text: str) -> str:
    return f"{label:13}{text}"


def _entity(target: str) -> str:
    """A file as SMF writes it."""
    if target.startswith("file:///"):
        return "file://localhost" + target.removeprefix("file://")
    return target
