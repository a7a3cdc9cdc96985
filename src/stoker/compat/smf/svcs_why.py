"""svcs -x: what does not run and should, what is the cause of that, and what hangs on it.

The cause of an instance is followed from one to the next until one is reached that waits for no
other: that one is told, with the number of those that it keeps from running.
"""

from __future__ import annotations

import time

from stoker.errors import StokerError

from .svcs_messages import pointer
from .svcs_world import MASTER, RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stoker.model import Group

    from .svcs_world import World

__all__ = ["Why"]

Reason = tuple[str, str]
"""A sentence, and the end of its message's id."""


class Why:
    """Prints a block for each instance; a blank line between two of them."""

    def __init__(self, world: World, verbose: bool) -> None:
        self.world = world
        self.verbose = verbose
        self._blocks: dict[str, tuple[list[str], list[Reason]]] = {}
        self._tree: Any = None

    def show(self, chosen: list[str] | None) -> None:
        """Print about these; None: about what is wrong."""
        below = self._impacts()
        wrong = self._problems(below) if chosen is None else chosen
        order = sorted(wrong, key=lambda fmri: (-len(below.get(fmri, ())), fmri))
        text = "\n\n".join("\n".join(self.block(one, below.get(one, []))) for one in order)
        if text:
            print(text)

    # -- who is the cause of whom

    def waits(self, fmri: str) -> bool:
        """Whether it should run, and waits for something."""
        row = self.world.rows[fmri]
        return bool(row["wanted"]) and row["state"] == "offline" and not row["next_state"]

    def blocked(self, fmri: str) -> tuple[list[str], list[Reason]]:
        """The instances that keep it from running, and what else does."""
        found = self._blocks.get(fmri)
        if found is None:
            found = self._blocks[fmri] = self._look(fmri) if self.waits(fmri) else ([], [])
        return found

    def _look(self, fmri: str) -> tuple[list[str], list[Reason]]:
        world = self.world
        others: dict[str, None] = {}
        own: dict[Reason, None] = {}
        for rows in world.groups(fmri):
            grouping = rows[0]["grouping"]
            if grouping == "require_any" and any(row["satisfied"] for row in rows):
                continue
            for row in rows:
                if row["satisfied"]:
                    continue
                target = row["target"]
                if grouping == "exclude_all":
                    own[f"{target} excludes it and is {world.standing(row)}.", "FJ"] = None
                    continue
                members = world.members(target) if target.startswith("svc:") else []
                down = [one for one in members if self._is_down(one)]
                others.update(dict.fromkeys(down))
                if not down:
                    standing = world.standing(row)
                    code = "E2" if standing == "absent" else "GE"
                    own[f"{target} is {standing}.", code] = None
        return list(others), list(own)

    def _is_down(self, fmri: str) -> bool:
        return self.world.rows[fmri]["state"] not in RUNNING

    def causes(self, fmri: str) -> list[list[str]]:
        """A way to each of those that are the cause of its state, itself first."""
        ways: list[list[str]] = []
        seen = {fmri}
        work = [[fmri]]
        while work:
            way = work.pop(0)
            others, own = self.blocked(way[-1])
            if own or not others:
                ways.append(way)
            for other in others:
                if other not in seen:
                    seen.add(other)
                    work.append([*way, other])
        return ways or [[fmri]]

    def _impacts(self) -> dict[str, list[str]]:
        """For each instance those that should run and do not because of it."""
        found: dict[str, list[str]] = {}
        for fmri in self.world.rows:
            if not self.waits(fmri):
                continue
            seen = {fmri}
            work = [fmri]
            while work:
                for other in self.blocked(work.pop())[0]:
                    if other not in seen:
                        seen.add(other)
                        work.append(other)
                        found.setdefault(other, []).append(fmri)
        return found

    def _problems(self, below: dict[str, list[str]]) -> list[str]:
        """What should run and does not for reasons of its own, and what keeps such from running."""
        found: dict[str, None] = {}
        for fmri, row in self.world.rows.items():
            should = row["wanted"] and self._is_down(fmri)
            if not should and fmri not in below:
                continue
            found.update(dict.fromkeys(way[-1] for way in self.causes(fmri)))
        return list(found)

    # -- what is said

    def block(self, fmri: str, below: list[str]) -> list[str]:
        """The lines about one."""
        world = self.world
        row = world.rows[fmri]
        since = time.asctime(time.localtime(world.seconds(fmri)))
        lines = [
            f"{fmri} ({row['description'] or '?'})".replace("\n", " "),
            f" State: {row['state']} since {since}",
        ]
        for way in self.causes(fmri) if row["state"] != "online" or row["next_state"] else []:
            for text, code in self.reasons(fmri, way[-1]):
                lines += [f"Reason: {text}", f"   See: {pointer(code)}"]
            if self.verbose and len(way) > 1:
                lines += [
                    f"{'  Path: ' if not hop else ' ' * (8 + 2 * hop)}{one}"
                    for hop, one in enumerate(way)
                ]
        if self._is_down(fmri):
            lines += [f"  Note: {text}" for text in world.missing(fmri)]
        lines += [f"   See: {page}" for page in self._manuals(fmri)]
        lines.append(f"   See: {world.log(fmri)}")
        return lines + self._impact(fmri, below)

    def _impact(self, fmri: str, below: list[str]) -> list[str]:
        if not below:
            down = self._is_down(fmri)
            return ["Impact: This service is not running." if down else "Impact: None."]
        many = f"{len(below)} dependents are" if len(below) > 1 else "1 dependent is"
        if not self.verbose:
            return [f"Impact: {many} not running.  (Use -v for list.)"]
        return [f"Impact: {many} not running:", *(f"        {one}" for one in sorted(below))]

    def reasons(self, fmri: str, cause: str) -> list[Reason]:
        """Why `fmri` is in its state, as far as `cause` is to blame."""
        if cause == fmri:
            return self._own(fmri)
        row = self.world.rows[cause]
        _others, own = self.blocked(cause)
        if not own:
            state = f"about to be {row['next_state']}" if row["next_state"] else row["state"]
            return [(f"{cause} is {state}.", "GE")]
        return [(f"{cause} is {row['state']}: {text}", code) for text, code in own]

    def _own(self, fmri: str) -> list[Reason]:
        row = self.world.rows[fmri]
        state, following = row["state"], row["next_state"]
        if state == "offline" and following == "online":
            return [("Its start is under way.", "C4")]
        if following:
            return [(f"It is {state}, and about to be {following}.", "PH")]
        if state == "disabled":
            return [self._disabled(fmri)]
        if state == "maintenance":
            return [self._maintenance(fmri)]
        if state == "degraded":
            return [(f"It runs degraded: {row['note'] or row['reason']}.", "DX")]
        if state == "uninitialized":
            return [self._uninitialized(fmri)]
        if state == "offline":
            more = row["note"] or "; ".join(row["waiting_for"]) or "it is about to start"
            return self.blocked(fmri)[1] or [(f"{more[0].upper()}{more[1:]}.", "PH")]
        return [(f"Its state is {state!r}.", "N3")]

    def _disabled(self, fmri: str) -> Reason:
        world = self.world
        row = world.rows[fmri]
        if row["wanted"]:
            return "It is about to be taken up.", "PH"
        comment = world.comment(fmri)
        more = f": {comment}" if comment else ""
        if row["enabled"]:
            return f"Disabled by an administrator for now{more}.", "1S"
        if world.refusal(fmri) is None:
            return "Disabled in its definition.", "05"
        return f"Disabled by an administrator{more}.", "05"

    def _maintenance(self, fmri: str) -> Reason:
        row = self.world.rows[fmri]
        reason = row["reason"]
        ended = self.world.status(fmri)["last_exit"]
        if reason == "administrative_request":
            return "Set aside at an administrator's request.", "63"
        if reason == "service_request":
            return "Set aside at another service's request.", "R4"
        if reason in ("method_failed", "fault_threshold_reached"):
            if not ended or ended == "exit status 0":
                return f"A method failed{_more(row)}.", "8Q"
            often = " repeatedly; last" if reason == "fault_threshold_reached" else ":"
            return f"Its start failed{often} {ended}.", "KS"
        if reason == "restarting_too_quickly":
            return "It was restarted too quickly.", "L5"
        if reason == "dependency_cycle":
            return f"It completes a circle of dependencies{_more(row)}.", "HP"
        if reason == "invalid_dependency":
            return f"It has a dependency that is not valid{_more(row)}.", "JA"
        if reason == "invalid_restarter":
            return self._restarter(fmri)
        if reason in ("", "none"):
            return f"No reason is recorded{_more(row)}.", "9C"
        return f"In maintenance by {reason}{_more(row)}.", "AR"

    def _uninitialized(self, fmri: str) -> Reason:
        if self.world.restarter(fmri) != MASTER:
            return self._restarter(fmri)
        return "Its restarter has not decided about it yet.", "4D"

    def _restarter(self, fmri: str) -> Reason:
        name = self.world.restarter(fmri)
        row = self.world.rows.get(name)
        if row is None:
            if name == MASTER:
                return "Its restarter is not one that can be used.", "2A"
            return f"Its restarter {name} is absent.", "3P"
        if row["state"] in RUNNING:
            return f"Its restarter {name} has not taken it in charge.", "4D"
        return f"Its restarter {name} is {row['state']}.", "5H"

    # -- manuals

    def _manuals(self, fmri: str) -> list[str]:
        """The manual pages that its template names."""
        found = []
        for name, group in self._groups(fmri).items():
            if not name.startswith("tm_man_") or "title" not in group.properties:
                continue
            title, section, path = (
                (group.properties[key].values or ("",))[0] if key in group.properties else ""
                for key in ("title", "section", "manpath")
            )
            if self.verbose:
                where = f"-M {path} " if path.startswith("/") else ""
                found.append(f"man {where}-s {section} {title}")
            else:
                found.append(f"{title}({section})")
        return found

    def _groups(self, fmri: str) -> dict[str, Group]:
        if self.world.place is None:
            return {}
        if self._tree is None:
            from .tree import Tree

            try:
                self._tree = Tree(self.world.place)
            except StokerError:  # its files are not for us to read: it is told without manuals
                self._tree = False
        groups: dict[str, Group] = self._tree.in_effect(fmri) if self._tree else {}
        return groups


def _more(row: dict[str, Any]) -> str:
    return f": {row['note']}" if row["note"] else ""
