"""inetadm: show and change what network/inetd serves (inetadm(8))."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from stoker.errors import NoSuchService, StokerError, UsageError
from stoker.formats import INETD, INETD_DEFAULTS, INETD_TYPES
from stoker.model import Group, canonical

from .editing import Editor
from .matching import instances
from .options import letters
from .tree import Tree, failed

__all__ = ["main"]

USAGE = """usage: inetadm                              list what inetd serves
       inetadm -l FMRI…                     list properties
       inetadm -e FMRI…                     enable
       inetadm -d FMRI…                     disable
       inetadm -m FMRI… NAME=VALUE…         set properties; without a value, take them back
       inetadm -p                           list the defaults
       inetadm -M NAME=VALUE…               set defaults"""

_OWN = {
    "name": ("inetd", "astring"),
    "endpoint_type": ("inetd", "astring"),
    "proto": ("inetd", "astring"),
    "isrpc": ("inetd", "boolean"),
    "wait": ("inetd", "boolean"),
    "exec": ("inetd_start", "astring"),
    "user": ("inetd_start", "astring"),
}
"""Properties that each service has itself: group and type, in the order in which they are shown."""


def main(arguments: list[str]) -> int:
    """The command; its exit status: 0 done, 1 something failed, 2 usage."""
    try:
        words = list(arguments)
        flags, _ = letters(words, "ledmpM?h", "")
        if flags & {"?", "h"}:
            print(USAGE)
            return 0
        if len(flags) > 1:
            raise UsageError("one option at a time")
        names = [word for word in words if "=" not in word]
        pairs = dict(_pair(word) for word in words if "=" in word)
        flag = next(iter(flags), "")
        if bool(names) != (flag in tuple("ledm")) or bool(pairs) != (flag in tuple("mM")):
            raise UsageError("operands are missing, or too many")
    except UsageError as error:
        print(f"inetadm: {error.message}\n{USAGE}", file=sys.stderr)
        return 2
    try:
        return _Inetd().run(flag, names, pairs)
    except StokerError as error:
        print(f"inetadm: {failed(error)}", file=sys.stderr)
        return 1


def _pair(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value


class _Inetd:
    def __init__(self) -> None:
        self.tree = Tree()
        self.status = 0

    def run(self, flag: str, names: Sequence[str], pairs: Mapping[str, str]) -> int:
        if flag == "p":
            self.defaults()
        elif flag == "M":
            self.set_defaults(pairs)
        elif not flag:
            self.listing()
        else:
            them = self.resolve(names)
            if flag == "l":
                for fmri in them:
                    self.show(fmri)
            elif flag == "m":
                for fmri in them:
                    self.change(fmri, pairs)
                self.effect(them)
            elif them:
                self.tree.ask("enable" if flag == "e" else "disable", them, why=f"inetadm -{flag}")
        return self.status

    # -- who it serves

    def served(self) -> list[str]:
        """The instances whose restarter is inetd."""
        return [fmri for fmri in self.tree.all_instances() if self.mine(fmri)]

    def mine(self, fmri: str) -> bool:
        text = _one(self.tree.composed(fmri), "general", "restarter")
        try:
            return bool(text) and canonical(text) == INETD
        except UsageError:  # what is no name is nobody's
            return False

    def resolve(self, patterns: Sequence[str]) -> list[str]:
        """What the patterns name; what they do not is told."""
        found: dict[str, None] = {}
        known = self.tree.all_instances()
        for pattern in patterns:
            try:
                them = instances(pattern, known)
            except NoSuchService as error:
                self.complain(error.message)
                continue
            ours = [fmri for fmri in them if self.mine(fmri)]
            if not ours:
                self.complain(f"{them[0]} is not served by inetd")
            found.update(dict.fromkeys(ours))
        return list(found)

    def complain(self, text: str) -> None:
        self.status = 1
        print(f"inetadm: {text}", file=sys.stderr)

    # -- showing

    def listing(self) -> None:
        rows = self.tree.rows()
        print(f"{'ENABLED':<9} {'STATE':<14} FMRI")
        for fmri in self.served():
            row = rows.get(fmri)
            if row is None:
                continue
            state = row["state"] + ("*" if row["next_state"] else "")
            print(f"{'enabled' if row['wanted'] else 'disabled':<9} {state:<14} {fmri}")

    def show(self, fmri: str) -> None:
        groups = self.tree.composed(fmri)
        print(f"{'SCOPE':<8} NAME=VALUE")
        for name, (group, kind) in _OWN.items():
            value = _one(groups, group, name, "root" if name == "user" else "")
            if name == "isrpc":
                value = value or "false"
            print(f"{'':<8} {name}={_shown(value, kind)}")
        defaults = self.of_inetd()
        for name, kind in INETD_TYPES.items():
            own = _values(groups, "inetd", name)
            scope, value = ("", own[0]) if own else ("default", defaults[name])
            print(f"{scope:<8} {name}={_shown(value, kind)}")

    def of_inetd(self) -> dict[str, str]:
        """The defaults as set now."""
        groups = self.tree.composed(INETD) if self.tree.exists(INETD) else {}
        return {
            name: _one(groups, "defaults", name, value) for name, value in INETD_DEFAULTS.items()
        }

    def defaults(self) -> None:
        print("NAME=VALUE")
        for name, value in self.of_inetd().items():
            print(f"{name}={_shown(value, INETD_TYPES[name])}")

    # -- changing

    def change(self, fmri: str, pairs: Mapping[str, str]) -> None:
        """Set properties of one service; an empty one of those that have a default is taken back.

        Raises StokerError, before anything is changed where a name is not known.
        """
        for name in pairs:
            if name not in _OWN and name not in INETD_TYPES:
                raise UsageError(f"there is no property {name}", hint="inetadm -l has all")
        editor = Editor(self.tree)
        for name, value in pairs.items():
            group, kind = _OWN.get(name, ("inetd", INETD_TYPES.get(name, "")))
            if not value and name in INETD_TYPES:
                if _values(self.tree.current(fmri), group, name):
                    editor.delprop(fmri, group, name)
                continue
            if name == "user" and not _values(self.tree.composed(fmri), group, "use_profile"):
                editor.put(fmri, group, "use_profile", "boolean", ["false"])
            values = value.split(",") if name == "proto" else [value.lower()
                      if kind == "boolean" else value]  # fmt: skip
            editor.put(fmri, group, name, kind, values)

    def set_defaults(self, pairs: Mapping[str, str]) -> None:
        wrong = next((name for name in pairs if name not in INETD_TYPES), "")
        if wrong:
            raise UsageError(f"there is no default {wrong}", hint="inetadm -p has all")
        if not self.tree.exists(INETD):
            raise NoSuchService(f"there is no {INETD}", hint="it comes with the first service")
        editor = Editor(self.tree)
        for name, value in pairs.items():
            kind = INETD_TYPES[name]
            editor.put(
                INETD, "defaults", name, kind, [value.lower() if kind == "boolean" else value]
            )
        self.effect([INETD])

    def effect(self, fmris: list[str]) -> None:
        """What is set holds at once, as inetd has it: services begin again that need it."""
        rows = self.tree.refresh_rows(fmris)
        if rows:
            self.tree.commit(rows)
            self.tree.reload()


def _values(groups: Mapping[str, Group], group: str, name: str) -> tuple[str, ...]:
    known = groups.get(group)
    found = known.properties.get(name) if known is not None else None
    return found.values if found is not None else ()


def _one(groups: Mapping[str, Group], group: str, name: str, default: str = "") -> str:
    values = _values(groups, group, name)
    return ",".join(values) if values else default


def _shown(value: str, kind: str) -> str:
    if kind == "boolean":
        return value.upper()
    return value if kind == "integer" else f'"{value}"'
