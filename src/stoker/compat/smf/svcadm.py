"""svcadm: enable, disable and act on instances (svcadm(8)), of whatever format they are."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from stoker.errors import NoSuchService, StokerError, UsageError
from stoker.model import is_instance, service_of

from .matching import instances
from .options import letters
from .tree import Tree, failed

__all__ = ["main"]

USAGE = """usage: svcadm [-v] [-S STATE] COMMAND …

  enable [-rst] FMRI…             want instances up
  disable [-st] [-c TEXT] FMRI…   want instances down
  restart [-d] FMRI…              stop and start what runs
  refresh FMRI…                   put what is set into effect
  clear FMRI…                     out of maintenance, or degraded
  mark [-It] STATE FMRI…          into maintenance, or degraded
  milestone [-d] NAME             only what that one needs is up; all, none"""

FLAGS = {
    "enable": "rst",
    "disable": "st",
    "restart": "d",
    "refresh": "s",
    "clear": "s",
    "mark": "It",
    "milestone": "d",
}
UP = ("online", "degraded")
LOOK_AGAIN = 3.0  # seconds between two looks of -s, where no change comes first


def main(arguments: list[str]) -> int:
    """The command; its exit status: 0 done, 1 something failed, 2 usage, and with -s 3 it went to
    another state, 4 it cannot come so without an administrator.
    """
    try:
        words = list(arguments)
        flags, values = letters(words, "vh?Z", "Sz")
        if flags & {"h", "?"}:
            print(USAGE)
            return 0
        command = words.pop(0) if words else ""
        if command not in FLAGS:
            raise UsageError(f"there is no command {command!r}")
        mine, given = letters(words, FLAGS[command], "c" if command == "disable" else "")
        state = words.pop(0) if command == "mark" and words else ""
        if command == "mark" and state not in ("maintenance", "degraded"):
            raise UsageError("mark needs maintenance or degraded")
        if state == "degraded" and "t" in mine:
            raise UsageError("-t is for maintenance")
        if not words and ("S" not in values or command == "milestone"):
            raise UsageError(f"{command} needs an operand")
        if command == "milestone":
            return _milestone(words, "d" in mine)
    except UsageError as error:
        hint = f"\n{error.hint}" if error.hint else ""
        print(f"svcadm: {error.message}{hint}\n{USAGE}", file=sys.stderr)
        return 2
    except StokerError as error:
        print(f"svcadm: {failed(error)}", file=sys.stderr)
        return 1
    try:
        session = _Session("v" in flags)
        names = session.resolve(words, values.get("S", ""))
        if names:
            getattr(session, f"do_{command}")(names, mine, given.get("c", ""), state)
        return session.status
    except StokerError as error:
        print(f"svcadm: {failed(error)}", file=sys.stderr)
        return 1


def _milestone(words: list[str], default: bool) -> int:
    """Let another milestone hold. Raises UsageError, StokerError."""
    from .milestone import named, set_milestone

    if len(words) != 1:
        raise UsageError("milestone needs one name")
    tree = Tree()
    set_milestone(tree, named(tree, words[0]), default)
    return 0


class _Session:
    def __init__(self, verbose: bool) -> None:
        self.tree = Tree()
        self.verbose = verbose
        self.status = 0

    def complain(self, text: str) -> None:
        self.status = max(self.status, 1)
        print(f"svcadm: {text}", file=sys.stderr)

    def say(self, text: str) -> None:
        if self.verbose:
            print(text)

    # -- operands

    def resolve(self, patterns: Sequence[str], state: str) -> list[str]:
        """The instances that are meant; what is not understood is told, and left out."""
        rows = self.tree.client.get("/v1/instances")["instances"]
        known = [row["fmri"] for row in rows]
        found: dict[str, None] = {}
        if state:
            found.update({row["fmri"]: None for row in rows if row["state"] == state})
        for pattern in patterns:
            if pattern.startswith("lrc:"):
                self.complain(f"Operation not supported for legacy service '{pattern}'")
                continue
            try:
                them = instances(pattern, known)
            except NoSuchService as error:
                self.complain(error.message)
                continue
            if len(them) > 1 and (self._partly(pattern, known) or self.tree.solaris10):
                shown = "\n".join(f"\t{name}" for name in them)
                self.complain(f"Pattern '{pattern}' matches multiple instances:\n{shown}")
                continue
            found.update(dict.fromkeys(them))
        return list(found)

    @staticmethod
    def _partly(pattern: str, known: Sequence[str]) -> bool:
        """Whether it is neither a pattern with a wildcard nor the whole name of a service."""
        from .matching import exact

        if any(char in pattern for char in "*?["):
            return False
        whole = exact(pattern)
        return whole not in known and whole not in {service_of(name) for name in known}

    # -- commands

    def do_enable(self, names: list[str], flags: set[str], _text: str, _state: str) -> None:
        if "r" in flags:
            names = self._needed(names)
        if "t" in flags:
            rows = self.tree.rows()
            ready = [name for name in names if rows[name]["state"] != "maintenance"]
            if ready:
                self._ask("start", ready, "svcadm enable -t", flags, alone=True)
        else:
            self._ask("enable", names, "svcadm enable", flags)
        for name in names:
            self.say(f"{name} {'temporarily ' if 't' in flags else ''}enabled.")
        if "s" in flags:
            self._wait(names, True)

    def do_disable(self, names: list[str], flags: set[str], text: str, _state: str) -> None:
        verb = "stop" if "t" in flags else "disable"
        self._ask(verb, names, text or "svcadm disable", flags)
        for name in names:
            self.say(f"{name} {'temporarily ' if 't' in flags else ''}disabled.")
        if "s" in flags:
            self._wait(names, False)

    def do_restart(self, names: list[str], flags: set[str], _text: str, _state: str) -> None:
        if "d" in flags:
            self.tree.ask("signal", names, signal="ABRT", why="svcadm restart -d")
        else:
            self.tree.ask("restart", names, why="svcadm restart")
        self._set("restart", names)

    def do_refresh(self, names: list[str], _flags: set[str], _text: str, _state: str) -> None:
        changes = self.tree.refresh_rows(names)
        if changes:
            self.tree.commit(changes)
            self.tree.reload()
        self.tree.ask("refresh", names, why="svcadm refresh")
        self._set("refresh", names)

    def do_clear(self, names: list[str], _flags: set[str], _text: str, _state: str) -> None:
        rows = self.tree.rows()
        good = [name for name in names if rows[name]["state"] in ("maintenance", "degraded")]
        for name in names:
            if name not in good:
                self.complain(f'Instance "{name}" is not in a maintenance or degraded state.')
        if good:
            self.tree.ask("clear", good, why="svcadm clear")
        self._set("maint_off", good)

    def do_mark(self, names: list[str], flags: set[str], _text: str, state: str) -> None:
        rows = self.tree.rows()
        good = names
        if state == "degraded":
            good = [name for name in names if rows[name]["state"] == "online"]
            for name in names:
                if name not in good:
                    self.complain(f'Instance "{name}" is not in the online state.')
        if good:
            at_once = state == "maintenance" and "I" in flags
            self.tree.ask("mark", good, state=state, immediate=at_once, why="svcadm mark")
        action = "maint_on_immediate" if "I" in flags else "maint_on"
        self._set(action if state == "maintenance" else "degraded", good)

    def _set(self, action: str, names: Sequence[str]) -> None:
        for name in names:
            self.say(f"Action {action} set for {name}.")

    # -- what else is needed

    def _needed(self, names: list[str]) -> list[str]:
        """With everything that must be up for them: require_all as a whole, require_any where it
        leaves no choice; what is left to choose is told.
        """
        found: dict[str, None] = {}
        work = list(reversed(names))
        while work:
            one = work.pop()
            if one in found:
                continue
            found[one] = None
            groups = self.tree.in_effect(one)
            for name, group in groups.items():
                if group.type != "dependency" or name in found:
                    continue
                values = {key: prop.values for key, prop in group.properties.items()}
                targets = [t for t in values.get("entities", ()) if t.startswith("svc:")]
                possible = [[*self._of(target)] for target in targets]
                grouping = (values.get("grouping") or ("",))[0]
                if grouping == "require_all":
                    for target, them in zip(targets, possible, strict=True):
                        if len(them) > 1:
                            self._choice(one, f"{target} has several instances", them)
                        work += them if len(them) == 1 else []
                elif grouping == "require_any":
                    them = [name for several in possible for name in several]
                    if len(them) > 1:
                        self._choice(one, f"needs one of {name}", them)
                    work += them if len(them) == 1 else []
        return list(found)

    def _choice(self, one: str, why: str, them: Sequence[str]) -> None:
        shown = "\n".join(f"\t{name}" for name in them)
        print(f"svcadm: {one}: {why}; enable one of\n{shown}", file=sys.stderr)

    def _of(self, target: str) -> list[str]:
        from .matching import exact

        name = exact(target)
        rows = self.tree.rows()
        if is_instance(name):
            return [name] if name in rows else []
        return [fmri for fmri in rows if service_of(fmri) == name]

    # -- waiting

    def _ask(self, verb: str, names: list[str], why: str, flags: set[str], **more: object) -> None:
        """Ask; with -s, until the operation is over: then it is known how each stands."""
        answer = self.tree.ask(verb, names, why=why, **more)
        number = answer["operation"]["number"]
        while "s" in flags and not answer["operation"]["outcome"]:
            answer = self.tree.client.get(f"/v1/operations/{number}?wait=30", patience=90)

    def _wait(self, names: Sequence[str], up: bool) -> None:
        """Until each is as asked, or will not be: then 3 or 4."""
        from stoker.client import quote

        worst = 0
        wanted = "up" if up else "disabled"
        for name in names:
            while True:
                path = f"/v1/wait?name={quote(name)}&for={wanted}&timeout={LOOK_AGAIN}"
                answer = self.tree.client.get(path, patience=60)
                row = answer["instances"][0] if answer["instances"] else None
                verdict = _verdict(row, up, answer["outcome"])
                if verdict is not None:
                    break
            if verdict == 3:
                self._said(f'Instance "{name}" is in {row["state"] if row else "no"} state.')
            elif verdict == 4:
                self._said(f'Instance "{name}" has unsatisfied dependencies.')
            worst = verdict if worst != 3 and verdict else worst
        self.status = worst or self.status

    @staticmethod
    def _said(text: str) -> None:
        print(f"svcadm: {text}", file=sys.stderr)


def _verdict(row: dict[str, object] | None, up: bool, outcome: str) -> int | None:
    """How a wait ends for one instance; None while it goes on."""
    if outcome == "so":
        return 0
    if row is None or outcome == "gone":
        return 3
    if up:
        if row["state"] == "maintenance" or not row["wanted"]:
            return 3
        return 4 if row["hopeless"] else None
    return 3 if row["wanted"] else None
