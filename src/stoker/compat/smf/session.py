"""A svccfg session: every command by its name. Here are those about services and bundles."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from stoker.errors import UsageError
from stoker.model import is_instance, service_of

from .property_commands import PropertyCommands
from .selection import only
from .words import Word

__all__ = ["COMMANDS", "Session"]


class Session(PropertyCommands):
    """A selection, and one method for each command."""

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
        self.select(only(words, "select FMRI"))

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
        self.editor.add(self.selected, only(words, "add NAME"))

    def cmd_delete(self, words: list[str]) -> None:
        """Delete a service or an instance (-f: though it runs)."""
        force = "-f" in words
        name = only([word for word in words if word != "-f"], "delete [-f] FMRI")
        keep = self.selected
        self.select(name)
        fmri, self.selected = self.selected, keep
        self.editor.delete(fmri, force)
        if self.selected and not self.tree.exists(self.selected):
            self.selected = ""

    def cmd_validate(self, words: list[str]) -> None:
        """Look for mistakes in a bundle, in a service, or in what is selected."""
        import os

        for word in words or [self._entity()]:
            if words and (os.path.isfile(word) or not self._known(word)):
                self.failed = not self.bundles.validate(word) or self.failed
                continue
            keep = self.selected, self.snapshot
            if words:
                self.select(word)
            fmri, (self.selected, self.snapshot) = self.selected, keep
            mistakes = self.bundles.mistakes(service_of(fmri))
            for one in mistakes:
                print(f"svccfg: {one}", file=sys.stderr)
            self.failed = bool(mistakes) or self.failed

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
        self.select(only(rest, "export [-a] FMRI [> FILE]"))
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
        path = only(words, "restore FILE")
        self.failed = bool(self.bundles.import_files([path]))

    def cmd_extract(self, words: list[str]) -> None:
        """Write a profile of what is enabled."""
        rest, target = _redirected(words)
        _put(self.bundles.extract(), target or (rest[0] if rest else ""))

    def cmd_apply(self, words: list[str]) -> None:
        """Apply a profile (-n: only look at it)."""
        path = only([word for word in words if word != "-n"], "apply [-n] FILE")
        self.failed = not self.bundles.apply(path, "-n" in words)

    def cmd_inventory(self, words: list[str]) -> None:
        """List what a bundle is about."""
        found = self.bundles.inventory(only(words, "inventory FILE"))
        self.failed = found is None
        for name in found or ():
            print(name)


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
        for name in [*vars(Session), *vars(PropertyCommands)]
        if name.startswith("cmd_")
    }
    return {**found, "exit": Session.cmd_end, "quit": Session.cmd_end}


COMMANDS = _commands()
"""Every command by its name."""
