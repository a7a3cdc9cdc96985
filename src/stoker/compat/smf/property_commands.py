"""svccfg's commands about what is selected: its property groups, properties and snapshots."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase

from stoker.errors import UsageError
from stoker.formats import OverlayGroup
from stoker.model import Group, Property, is_instance, service_of

from .selection import Selection, only, snapshot_groups
from .tree import VOLATILE, Tree, difference
from .words import Word, quoted

__all__ = ["PropertyCommands"]


class PropertyCommands(Selection):
    """One method for each command."""

    def cmd_listpg(self, words: list[str]) -> None:
        """List property groups."""
        pattern = words[0] if words else "*"
        groups = {n: g for n, g in self._shown().items() if fnmatchcase(n, pattern)}
        width = max((len(name) for name in groups), default=0)
        for name, group in groups.items():
            print(f"{name:<{width}}  {group.type}{self._flags(name)}".rstrip())

    def cmd_listprop(self, words: list[str]) -> None:
        """List property groups and their properties."""
        pattern = words[0] if words else "*"
        rows: list[tuple[str, str, str]] = []
        for name, group in self._shown().items():
            if fnmatchcase(name, pattern):
                rows.append((name, f"{group.type}{self._flags(name)}", ""))
            for key, one in group.properties.items():
                full = f"{name}/{key}"
                if fnmatchcase(full, pattern) or fnmatchcase(name, pattern):
                    values = " ".join(quoted(value) for value in one.values)
                    rows.append((full, f"{one.type:<7} ", values))
        width = max((len(row[0]) for row in rows), default=0)
        for full, kind, values in rows:
            print(f"{full:<{width}}  {kind}{values}".rstrip())

    def cmd_addpg(self, words: list[str]) -> None:
        """Add a property group: addpg NAME TYPE [P]."""
        if len(words) not in (2, 3):
            raise UsageError("addpg", hint="addpg NAME TYPE [P]")
        self.editor.addpg(self._entity(), *words)

    def cmd_delpg(self, words: list[str]) -> None:
        """Remove a property group."""
        self.editor.delpg(self._entity(), only(words, "delpg NAME"))

    def cmd_setprop(self, words: list[str]) -> None:
        """Set a property: setprop pg/prop = [type:] value."""
        self.editor.setprop(self._entity(), [Word(word) for word in words])

    def cmd_delprop(self, words: list[str]) -> None:
        """Take back a property, or a property group."""
        group, slash, name = only(words, "delprop pg[/prop]").partition("/")
        if not slash:
            self.editor.delpg(self._entity(), group)
        elif self.editor.delprop(self._entity(), group, name) and self.verbose:
            print(f"svccfg: {group}/{name} is again what its file says", file=sys.stderr)

    def cmd_addpropvalue(self, words: list[str]) -> None:
        """Add a value: addpropvalue pg/prop [type:] value."""
        if len(words) not in (2, 3):
            raise UsageError("addpropvalue", hint="addpropvalue pg/prop [type:] value")
        group, _, name = words[0].partition("/")
        kind = words[1].rstrip(":") if len(words) == 3 else ""
        self.editor.add_value(self._entity(), group, name, kind, words[-1])

    def cmd_delpropvalue(self, words: list[str]) -> None:
        """Remove values that match: delpropvalue pg/prop pattern."""
        if len(words) != 2:
            raise UsageError("delpropvalue", hint="delpropvalue pg/prop PATTERN")
        group, _, name = words[0].partition("/")
        self.editor.remove_values(self._entity(), group, name, words[1])

    def cmd_setenv(self, words: list[str]) -> None:
        """Set a variable of the methods: setenv [-i|-s|-m METHOD] NAME VALUE."""
        fmri, method, rest = self._of_environment(words)
        if len(rest) != 2:
            raise UsageError("setenv", hint="setenv [-i|-s|-m METHOD] NAME VALUE")
        self.editor.setenv(fmri, method, rest[0], rest[1])

    def cmd_unsetenv(self, words: list[str]) -> None:
        """Remove a variable: unsetenv [-i|-s|-m METHOD] NAME."""
        fmri, method, rest = self._of_environment(words)
        self.editor.setenv(fmri, method, only(rest, "unsetenv NAME"), None)

    def cmd_refresh(self, words: list[str]) -> None:
        """Put what is set into effect for the selected instance."""
        fmri = self._instance()
        rows = self.tree.refresh_rows([fmri])
        if rows:
            self.tree.commit(rows)
        self.tree.reload()
        if self.tree.rows().get(fmri, {}).get("state") in ("online", "degraded"):
            self.tree.ask("refresh", [fmri], why="svccfg refresh")

    def cmd_listsnap(self, words: list[str]) -> None:
        """List the snapshots of the selected instance."""
        for name in self.snapshots(self._instance()):
            print(name)

    def cmd_selectsnap(self, words: list[str]) -> None:
        """Look at a snapshot; without a name, at what is set now."""
        if not is_instance(self.selected):
            raise UsageError("An instance must be selected", hint="select NAME:INSTANCE")
        if words and words[0] not in self.snapshots(self.selected):
            raise UsageError(f"there is no snapshot {words[0]}", hint="listsnap lists them")
        self.snapshot = words[0] if words else ""

    def cmd_revert(self, words: list[str]) -> None:
        """Make what is set be what a snapshot says."""
        name = words[0] if words else self.snapshot or "running"
        self.snapshot = ""
        fmri = self._instance()
        if name not in self.snapshots(fmri):
            raise UsageError(f"there is no snapshot {name}", hint="listsnap lists them")
        service = service_of(fmri)
        for entity, part in ((service, "service"), (fmri, "instance")):
            self.editor.revert(entity, self._reverted(fmri, entity, name, part))

    def cmd_describe(self, words: list[str]) -> None:
        """Say what the templates know of properties."""
        pattern = next((word for word in words if not word.startswith("-")), "*")
        groups = self.tree.composed(self.selected or self._entity())
        for name, group in groups.items():
            if group.type.startswith("template"):
                continue
            for key, one in group.properties.items():
                if fnmatchcase(f"{name}/{key}", pattern) or fnmatchcase(name, pattern):
                    print(f"{name}/{key}  {one.type}  {' '.join(map(quoted, one.values))}".rstrip())
                    text = _described(groups, name, group.type, key)
                    if text:
                        print(f"    {text}")

    # -- inside

    def _of_environment(self, words: list[str]) -> tuple[str, str, list[str]]:
        fmri, method, rest = self._entity(), "", list(words)
        while rest and rest[0] in ("-i", "-s", "-m"):
            flag = rest.pop(0)
            if flag == "-s":
                fmri = service_of(fmri)
            elif flag == "-m" and rest:
                method = rest.pop(0)
        return fmri, method, rest

    def _shown(self) -> dict[str, Group]:
        if not self.selected:
            raise UsageError("An entity must be selected", hint="select NAME, or -s NAME")
        if self.snapshot:
            return _contents(self.tree, self.selected, self.snapshot)
        groups = self.tree.current(self.selected)
        if is_instance(self.selected):
            whole = self.tree.composed(self.selected)
            groups |= {name: whole[name] for name in VOLATILE if name in whole}
            if "general" in whole and "enabled" in whole["general"].properties:
                general = groups.get("general", Group("framework"))
                flag = {"enabled": whole["general"].properties["enabled"]}
                groups["general"] = Group(general.type, {**general.properties, **flag})
        return groups

    def _flags(self, name: str) -> str:
        volatile = name in VOLATILE or (self.selected, name) in self.tree.volatile
        return "\tNONPERSISTENT" if volatile else ""

    def _reverted(self, fmri: str, entity: str, name: str, part: str) -> dict[str, OverlayGroup]:
        tree = self.tree
        if tree.is_in_effect(fmri, name):
            over = tree.running.get(fmri)
            return {} if over is None else dict(getattr(over, part))
        return difference(tree.below(entity), snapshot_groups(tree, fmri, name, part))


def _contents(tree: Tree, fmri: str, name: str) -> dict[str, Group]:
    from stoker.model import compose

    if tree.is_in_effect(fmri, name):
        return tree.in_effect(fmri)
    service = snapshot_groups(tree, fmri, name, "service")
    return compose(service, snapshot_groups(tree, fmri, name, "instance"))


def _described(groups: dict[str, Group], name: str, kind: str, key: str) -> str:
    for mark in (f"nt_{name}_{kind}", f"n_{name}", f"t_{kind}"):
        pattern = groups.get(f"tm_proppatt_{mark}_{key}")
        if pattern is not None:
            for text in ("description_C", "common_name_C"):
                one: Property | None = pattern.properties.get(text)
                if one is not None and one.values:
                    return one.values[0]
    return ""
