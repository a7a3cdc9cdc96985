"""A svccfg session: a selection, and one method for each command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from stoker.errors import NoSuchService, StokerError, UsageError
from stoker.formats import OverlayGroup
from stoker.model import Group, Property, is_instance, service_of

from .bundles import Bundles
from .editing import Editor
from .matching import entities
from .tree import VOLATILE, Tree, difference, failed
from .words import Word, quoted

__all__ = ["COMMANDS", "Session", "complain"]


def complain(error: StokerError, where: str = "") -> None:
    """An error on standard error, as svccfg writes it."""
    spot = f"{where}: " if where else ""
    print(f"svccfg: {spot}{failed(error)}", file=sys.stderr)


class Session:
    """`failed`: a command that goes on over errors had some. `ended`: nothing more is wanted."""

    def __init__(self, tree: Tree | None = None, verbose: bool = False) -> None:
        self.tree = tree if tree is not None else Tree()
        self.editor = Editor(self.tree)
        self.bundles = Bundles(self.tree, lambda line: print(f"svccfg: {line}", file=sys.stderr))
        self.verbose = verbose
        self.selected = ""
        self.snapshot = ""
        self.failed = False
        self.ended = False

    @property
    def prompt(self) -> str:
        """What is selected, short."""
        shown = self.selected.removeprefix("svc:/") or "svc:"
        return f"[{self.snapshot}]{shown}" if self.snapshot else shown

    def do(self, words: Sequence[Word]) -> None:
        """Run one command. Raises StokerError."""
        if not words:
            return
        run = COMMANDS.get(words[0])
        if run is None:
            from stoker.model import did_you_mean

            near = did_you_mean(words[0], COMMANDS)
            hint = f"did you mean {near}?" if near else "help lists the commands"
            raise UsageError(f"there is no command {words[0]}", hint=hint)
        if words[0] == "setprop":  # where a quoted parenthesis is another thing than a bare one
            self.editor.setprop(self._entity(), words[1:])
        else:
            run(self, [str(word) for word in words[1:]])

    def completions(self, text: str) -> list[str]:
        """Names that may follow a command."""
        names = [*self.tree.services(), *self.tree.all_instances()]
        short = [name.removeprefix("svc:/") for name in names]
        groups: list[str] = []
        if self.selected:
            for name, group in self.tree.current(self.selected).items():
                groups += [f"{name}/{key}" for key in group.properties] if "/" in text else [name]
        return [*groups, *short, *names]

    # -- selecting

    def select(self, pattern: str) -> None:
        """Select one service or instance. Raises NoSuchService."""
        tree = self.tree
        if self.selected and not pattern.startswith("svc:") and pattern != ":properties":
            inner = f"{service_of(self.selected)}:{pattern}"
            if tree.exists(inner):
                self.selected = inner
                return
        try:
            found = entities(pattern, tree.all_instances(), tree.services())
        except NoSuchService:
            found = []
        bare = pattern if pattern.startswith("svc:/") else f"svc:/{pattern}"
        if not found and tree.exists(bare):
            found = [bare]
        if not found:
            raise NoSuchService(f'Pattern "{pattern}" doesn\'t match any instances or services')
        if len(found) > 1:
            shown = "\n  ".join(found)
            raise UsageError(f'Pattern "{pattern}" matches multiple instances:\n  {shown}')
        self.selected, self.snapshot = found[0], ""

    def _entity(self) -> str:
        if not self.selected:
            raise UsageError("An entity must be selected", hint="select NAME, or -s NAME")
        if self.snapshot:
            raise UsageError("A snapshot is read only", hint="selectsnap leaves it")
        return self.selected

    def _instance(self) -> str:
        fmri = self._entity()
        if not is_instance(fmri):
            raise UsageError("An instance must be selected", hint="select NAME:INSTANCE")
        return fmri

    # -- commands

    def cmd_help(self, words: list[str]) -> None:
        """List the commands."""
        for name, run in COMMANDS.items():
            if not words or name == words[0]:
                print(f"{name:<14} {(run.__doc__ or '').splitlines()[0]}")

    def cmd_end(self, words: list[str]) -> None:
        """Leave."""
        self.ended = True

    def cmd_select(self, words: list[str]) -> None:
        """Select a service or an instance."""
        self.select(_one(words, "select FMRI"))

    def cmd_unselect(self, words: list[str]) -> None:
        """Select the parent of what is selected."""
        parent = service_of(self.selected) if is_instance(self.selected) else ""
        self.selected, self.snapshot = parent, ""

    def cmd_list(self, words: list[str]) -> None:
        """List services, or what is below the selection."""
        pattern = words[0] if words else "*"
        if not self.selected:
            names = [name.removeprefix("svc:/") for name in self.tree.services()]
        elif is_instance(self.selected):
            names = [":properties"]
        else:
            start = self.selected + ":"
            them = self.tree.instances(self.selected)
            names = [":properties", *(name.removeprefix(start) for name in them)]
        for name in names:
            if fnmatchcase(name, pattern):
                print(name)

    def cmd_add(self, words: list[str]) -> None:
        """Add a service, or an instance to the selected service."""
        if is_instance(self.selected):
            raise UsageError("An instance has no children")
        self.editor.add(self.selected, _one(words, "add NAME"))

    def cmd_delete(self, words: list[str]) -> None:
        """Delete a service or an instance (-f: though it runs)."""
        force = "-f" in words
        name = _one([word for word in words if word != "-f"], "delete [-f] FMRI")
        keep = self.selected
        self.select(name)
        fmri, self.selected = self.selected, keep
        self.editor.delete(fmri, force)
        if self.selected and not self.tree.exists(self.selected):
            self.selected = ""

    def cmd_validate(self, words: list[str]) -> None:
        """Look for mistakes in a bundle, or in what is selected."""
        if not words:
            text = self.bundles.export([self._entity()])
            from stoker.formats import read_bundle

            mistakes = read_bundle(self.selected, text.encode("utf-8", "surrogateescape")).mistakes
            for one in mistakes:
                print(f"svccfg: {one}", file=sys.stderr)
            self.failed = bool(mistakes)
            return
        for path in words:
            self.failed = not self.bundles.validate(path) or self.failed

    def cmd_import(self, words: list[str]) -> None:
        """Import manifests, or all below directories."""
        import os

        paths = [word for word in words if word != "-V"]
        if not paths:
            raise UsageError("import", hint="import FILE|DIRECTORY…")
        check = bool(os.environ.get("SVCCFG_CHECKHASH"))
        self.failed = bool(self.bundles.import_files(paths, check))

    def cmd_export(self, words: list[str]) -> None:
        """Write a service as a manifest."""
        rest, target = _redirected([word for word in words if word != "-a"])
        keep = self.selected
        self.select(_one(rest, "export [-a] FMRI [> FILE]"))
        fmri, self.selected = self.selected, keep
        if is_instance(fmri):
            print("svccfg: exporting the whole service", file=sys.stderr)
        _put(self.bundles.export([service_of(fmri)]), target)

    def cmd_archive(self, words: list[str]) -> None:
        """Write all services as one bundle."""
        rest, target = _redirected([word for word in words if word != "-a"])
        text = self.bundles.export(self.bundles.ours(), "archive", "archive")
        _put(text, target or (rest[0] if rest else ""))

    def cmd_restore(self, words: list[str]) -> None:
        """Import an archive."""
        path = _one(words, "restore FILE")
        self.failed = bool(self.bundles.import_files([path]))

    def cmd_extract(self, words: list[str]) -> None:
        """Write a profile of what is enabled."""
        rest, target = _redirected(words)
        _put(self.bundles.extract(), target or (rest[0] if rest else ""))

    def cmd_apply(self, words: list[str]) -> None:
        """Apply a profile (-n: only look at it)."""
        path = _one([word for word in words if word != "-n"], "apply [-n] FILE")
        self.failed = not self.bundles.apply(path, "-n" in words)

    def cmd_inventory(self, words: list[str]) -> None:
        """List what a bundle is about."""
        found = self.bundles.inventory(_one(words, "inventory FILE"))
        self.failed = found is None
        for name in found or ():
            print(name)

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
        self.editor.delpg(self._entity(), _one(words, "delpg NAME"))

    def cmd_setprop(self, words: list[str]) -> None:
        """Set a property: setprop pg/prop = [type:] value."""
        self.editor.setprop(self._entity(), [Word(word) for word in words])

    def cmd_delprop(self, words: list[str]) -> None:
        """Take back a property, or a property group."""
        group, slash, name = _one(words, "delprop pg[/prop]").partition("/")
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
        self.editor.setenv(fmri, method, _one(rest, "unsetenv NAME"), None)

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

    def snapshots(self, fmri: str) -> list[str]:
        """Names of an instance's snapshots."""
        found = [*self.tree.snapshots.get(fmri, {}), "running"]
        state = self.tree.rows().get(fmri, {})
        return [*found, "start"] if state.get("run") else found

    def _reverted(self, fmri: str, entity: str, name: str, part: str) -> dict[str, OverlayGroup]:
        tree = self.tree
        if name in ("running", "start"):
            over = tree.running.get(fmri)
            return {} if over is None else dict(getattr(over, part))
        return difference(tree.below(entity), snapshot_groups(tree, fmri, name, part))


def snapshot_groups(tree: Tree, fmri: str, name: str, part: str) -> dict[str, Group]:
    """The groups of a service or an instance in a snapshot."""
    import msgspec

    body = tree.snapshots[fmri][name].get(part, {})
    found: dict[str, Group] = msgspec.convert(body, dict[str, Group])
    return found


def _contents(tree: Tree, fmri: str, name: str) -> dict[str, Group]:
    from stoker.model import compose

    if name in ("running", "start"):
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


def _one(words: Sequence[str], usage: str) -> str:
    if len(words) != 1:
        raise UsageError(usage.split()[0], hint=usage)
    return str(words[0])


def _redirected(words: list[str]) -> tuple[list[str], str]:
    """Words, and the file after a `>`."""
    for at, word in enumerate(words):
        if word.startswith(">"):
            target = word[1:] or (words[at + 1] if at + 1 < len(words) else "")
            if not target:
                raise UsageError("a file must follow >")
            return words[:at], str(target)
    return words, ""


def _put(text: str, target: str) -> None:
    if target and target != "-":
        with open(target, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    else:
        sys.stdout.write(text)


def _commands() -> dict[str, Callable[[Session, list[str]], None]]:
    found = {
        name.removeprefix("cmd_"): getattr(Session, name)
        for name in vars(Session)
        if name.startswith("cmd_")
    }
    return {**found, "exit": Session.cmd_end, "quit": Session.cmd_end}


COMMANDS = _commands()
"""Every command by its name."""
