"""svcadm: enable, disable and act on instances (svcadm(8)), of whatever format they are."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from stoker.errors import NoSuchService, StokerError, UsageError
from stoker.model import is_instance, service_of

from .matching import instances
from .options import letters
from .svcadm_wait import Waiting, seconds_of
from .tree import Tree, failed

__all__ = ["main"]

USAGE = """usage: svcadm [-v] [-S STATE] COMMAND …

  enable [-rt] FMRI…              want instances up
  disable [-t] [-c TEXT] FMRI…    want instances down
  restart [-d] FMRI…              stop and start what runs
  refresh FMRI…                   put what is set into effect
  clear FMRI…                     out of maintenance, or degraded
  mark [-It] STATE FMRI…          into maintenance, or degraded
  milestone [-d] NAME             only what that one needs is up; all, none

  each with -s: wait until it is so; -s -T SECONDS: no longer than that"""

FLAGS = {
    "enable": "rst",
    "disable": "st",
    "restart": "ds",
    "refresh": "s",
    "clear": "s",
    "mark": "Ist",
    "milestone": "ds",
}


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
        mine, given = letters(words, FLAGS[command], "cT" if command == "disable" else "T")
        seconds = seconds_of(given.get("T"))
        if seconds is not None and "s" not in mine:
            raise UsageError("-T is for -s")
        state = words.pop(0) if command == "mark" and words else ""
        if command == "mark" and state not in ("maintenance", "degraded"):
            raise UsageError("mark needs maintenance or degraded")
        if state == "degraded" and "t" in mine:
            raise UsageError("-t is for maintenance")
        if command == "restart" and {"d", "s"} <= mine:
            raise UsageError("what -d does is over at once")
        if not words and ("S" not in values or command == "milestone"):
            raise UsageError(f"{command} needs an operand")
        if command == "milestone":
            return _milestone(words, "d" in mine, "s" in mine, seconds)
    except UsageError as error:
        hint = f"\n{error.hint}" if error.hint else ""
        print(f"svcadm: {error.message}{hint}\n{USAGE}", file=sys.stderr)
        return 2
    except StokerError as error:
        print(f"svcadm: {failed(error)}", file=sys.stderr)
        return 1
    try:
        session = _Session("v" in flags, seconds)
        names = session.resolve(words, values.get("S", ""))
        if names:
            getattr(session, f"do_{command}")(names, mine, given.get("c", ""), state)
        return session.status
    except StokerError as error:
        print(f"svcadm: {failed(error)}", file=sys.stderr)
        return 1


def _milestone(words: list[str], default: bool, wait: bool, seconds: int | None) -> int:
    """Let another milestone hold; the exit status. Raises UsageError, StokerError."""
    from .milestone import WORDS, named, set_milestone

    if len(words) != 1:
        raise UsageError("milestone needs one name")
    tree = Tree()
    waiting = Waiting(tree, seconds)
    name = named(tree, words[0])
    number = set_milestone(tree, name, default)
    if not wait:
        return 0
    if number is not None:
        waiting.operation(number)
    return 0 if name in WORDS else waiting.rested(name)


class _Session:
    def __init__(self, verbose: bool, seconds: int | None) -> None:
        self.tree = Tree()
        self.waiting = Waiting(self.tree, seconds)
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
            self._end([self.waiting.instance(name, True) for name in names])

    def do_disable(self, names: list[str], flags: set[str], text: str, _state: str) -> None:
        verb = "stop" if "t" in flags else "disable"
        self._ask(verb, names, text or "svcadm disable", flags)
        for name in names:
            self.say(f"{name} {'temporarily ' if 't' in flags else ''}disabled.")
        if "s" in flags:
            self._end([self.waiting.instance(name, False) for name in names])

    def do_restart(self, names: list[str], flags: set[str], _text: str, _state: str) -> None:
        if "d" in flags:
            self.tree.ask("signal", names, signal="ABRT", why="svcadm restart -d")
        else:
            self._ask("restart", names, "svcadm restart", flags)
        self._set("restart", names, flags)

    def do_refresh(self, names: list[str], flags: set[str], _text: str, _state: str) -> None:
        changes = self.tree.refresh_rows(names)
        if changes:
            self.tree.commit(changes)
            self.tree.reload()
        self._ask("refresh", names, "svcadm refresh", flags)
        self._set("refresh", names, flags)

    def do_clear(self, names: list[str], flags: set[str], _text: str, _state: str) -> None:
        rows = self.tree.rows()
        good = [name for name in names if rows[name]["state"] in ("maintenance", "degraded")]
        for name in names:
            if name not in good:
                self.complain(f'Instance "{name}" is not in a maintenance or degraded state.')
        if good:
            self._ask("clear", good, "svcadm clear", flags)
        self._set("maint_off", good, flags)

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
            self._ask("mark", good, "svcadm mark", flags, state=state, immediate=at_once)
        action = "maint_on_immediate" if "I" in flags else "maint_on"
        self._set(action if state == "maintenance" else "degraded", good, flags, state)

    def _set(self, action: str, names: Sequence[str], flags: set[str], state: str = "") -> None:
        """What was done; with -s, how each stands after it."""
        for name in names:
            self.say(f"Action {action} set for {name}.")
        if "s" in flags:
            self._end([self.waiting.rested(name, state) for name in names])

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
        if "s" in flags and not answer["operation"]["outcome"]:
            self.waiting.operation(answer["operation"]["number"])

    def _end(self, verdicts: Sequence[int]) -> None:
        """With -s: 3 before 4, and both before what else went wrong."""
        self.status = 3 if 3 in verdicts else max(self.status, *verdicts, 0)
