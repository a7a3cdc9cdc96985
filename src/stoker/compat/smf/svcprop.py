"""svcprop: print values of properties (svcprop(1))."""

from __future__ import annotations

import sys

from stoker.errors import NoSuchService, StokerError, UsageError
from stoker.model import Group, Property, compose, is_instance, service_of

from .matching import entities, property_of
from .selection import snapshot_groups
from .tree import Tree, failed

__all__ = ["main"]

USAGE = """usage: svcprop [-fqtv] [-C | -c | -s SNAPSHOT] [-p PG[/PROP]]… FMRI…
       svcprop -w [-fqtv] [-p PG[/PROP]] FMRI"""
_SPECIAL = frozenset(" \t\n;&()|^<>\\\"'`$*?[]~#{}")


def main(arguments: list[str]) -> int:
    """The command; its exit status: 0 done, 1 something is not there, 2 usage."""
    try:
        flags, values, names = _options(list(arguments))
    except UsageError as error:
        print(f"svcprop: {error.message}\n{USAGE}", file=sys.stderr)
        return 2
    if "?" in flags:
        print(USAGE)
        return 0
    try:
        return _Printer(flags, values).run(names)
    except StokerError as error:
        print(f"svcprop: {failed(error)}", file=sys.stderr)
        return 1


def _options(words: list[str]) -> tuple[set[str], dict[str, list[str]], list[str]]:
    flags: set[str] = set()
    values: dict[str, list[str]] = {"p": [], "s": []}
    names: list[str] = []
    while words:
        word = words.pop(0)
        if word == "--":
            names += words
            break
        if not word.startswith("-") or word == "-":
            names.append(word)
            continue
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in "?hfqtvCcw":
                flags.add("?" if letter == "h" else letter)
            elif letter in "psz":
                if not letters and not words:
                    raise UsageError(f"-{letter} needs a value")
                values.setdefault(letter, []).append(letters or words.pop(0))
                letters = ""
            else:
                raise UsageError(f"there is no option -{letter}")
    if "?" not in flags:
        if not names:
            raise UsageError("an operand is missing")
        sources = len(flags & {"C", "c"}) + bool(values["s"])
        if sources > 1 or len(values["s"]) > 1:
            raise UsageError("-C, -c and -s exclude each other")
        if "w" in flags and (len(names) > 1 or len(values["p"]) > 1 or sources):
            raise UsageError("-w takes one operand and at most one -p")
    return flags, values, names


class _Printer:
    def __init__(self, flags: set[str], values: dict[str, list[str]]) -> None:
        self.flags = flags
        self.snapshot = values["s"][0] if values["s"] else ""
        self.wanted = values["p"]
        self.tree = Tree()
        self.status = 0

    def run(self, names: list[str]) -> int:
        found: list[tuple[str, list[str]]] = []
        for name in names:
            head, group, key = property_of(name)
            asked = [f"{group}/{key}" if key else group] if group else []
            try:
                them = entities(head, self.tree.all_instances(), self.tree.services())
            except NoSuchService as error:
                self._missing(error.message, always=True)
                continue
            found += [(one, asked or self.wanted) for one in them]
        if "w" in self.flags:
            if len(found) != 1:
                raise UsageError("-w takes one operand")
            self._wait(*found[0])
        full = "f" in self.flags or len(found) > 1
        for fmri, asked in found:
            self._print(fmri, asked, full)
        return self.status

    # -- source

    def _groups(self, fmri: str) -> dict[str, Group]:
        tree = self.tree
        if "C" in self.flags:
            own = tree.current(fmri)
            whole = tree.composed(fmri) if is_instance(fmri) else {}
            extra = ("restarter", "general_ovr")
            return own | {name: whole[name] for name in extra if name in whole}
        if "c" in self.flags or not is_instance(fmri):
            return tree.composed(fmri)
        if not self.snapshot or tree.is_in_effect(fmri, self.snapshot):
            return tree.in_effect(fmri)
        if self.snapshot not in tree.snapshots.get(fmri, {}):
            raise NoSuchService(f"{fmri} has no snapshot {self.snapshot}")
        above = snapshot_groups(tree, fmri, self.snapshot, "service")
        return compose(above, snapshot_groups(tree, fmri, self.snapshot, "instance"))

    # -- printing

    def _print(self, fmri: str, asked: list[str], full: bool) -> None:
        groups = self._groups(fmri)
        named = full or "t" in self.flags
        # With one property alone there is nothing to tell it from.
        named = named or len(asked) != 1 or "/" not in asked[0]
        for one in asked or list(groups):
            name, _, key = one.partition("/")
            group = groups.get(name)
            if group is None or (key and key not in group.properties):
                what = f"property group `{name}'" if group is None else f"property `{one}'"
                self._missing(f"Couldn't find {what} for {self._kind(fmri)} `{fmri}'.")
                continue
            for each in [key] if key else list(group.properties):
                self._line(fmri, name, each, group.properties[each], named, full)

    @staticmethod
    def _kind(fmri: str) -> str:
        return "instance" if is_instance(fmri) else "service"

    def _line(
        self, fmri: str, group: str, key: str, one: Property, named: bool, full: bool
    ) -> None:
        if "q" in self.flags:
            return
        text = " ".join(_shown(value) for value in one.values)
        if named:
            where = f"{group}/{key}"
            if full:
                service = service_of(fmri)
                instance = fmri.removeprefix(service)
                where = f"{service}{instance}/:properties/{where}"
            text = f"{where} {one.type} {text}".rstrip()
        print(text)

    def _missing(self, text: str, always: bool = False) -> None:
        self.status = 1
        if "v" in self.flags or (always or "q" not in self.flags):
            print(f"svcprop: {text}", file=sys.stderr)

    # -- waiting

    def _wait(self, fmri: str, asked: list[str]) -> None:
        """Until the group changes: its state by events, what is set by looking again."""
        import select

        name = asked[0].partition("/")[0] if asked else ""
        before = self._of(fmri, name)
        from contextlib import closing

        from stoker.client import connect, quote

        path = f"/v1/events?follow=1&name={quote(fmri)}"
        with connect(self.tree.place) as client, closing(client.stream(path)) as stream:
            while self._of(fmri, name) == before:
                select.select([stream.fileno()], [], [], 1.0)
                stream.read(block=False)
                self.tree.read_stored()

    def _of(self, fmri: str, name: str) -> object:
        groups = self._groups(fmri)
        return groups.get(name) if name else groups


def _shown(value: str) -> str:
    """A value as a word for the shell."""
    if not value:
        return '""'
    return "".join("\\" + char if char in _SPECIAL else char for char in value)
