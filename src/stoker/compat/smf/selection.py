"""What a svccfg session has selected: a service, an instance, a snapshot of one."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from stoker.errors import NoSuchService, StokerError, UsageError
from stoker.model import Group, is_instance, service_of

from .bundles import Bundles
from .editing import Editor
from .matching import entities
from .tree import Tree, failed

__all__ = ["Selection", "complain", "only", "snapshot_groups"]


def complain(error: StokerError, where: str = "") -> None:
    """An error on standard error, as svccfg writes it."""
    spot = f"{where}: " if where else ""
    print(f"svccfg: {spot}{failed(error)}", file=sys.stderr)


class Selection:
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

    def _known(self, pattern: str) -> bool:
        """Whether a word names a service or an instance (or several)."""
        try:
            return bool(entities(pattern, self.tree.all_instances(), self.tree.services()))
        except NoSuchService:
            return False

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

    def snapshots(self, fmri: str) -> list[str]:
        """Names of an instance's snapshots."""
        kept = self.tree.snapshots.get(fmri, {})
        found = [*(name for name in kept if name != "start"), "running"]
        state = self.tree.rows().get(fmri, {})
        return [*found, "start"] if state.get("run") else found


def snapshot_groups(tree: Tree, fmri: str, name: str, part: str) -> dict[str, Group]:
    """The groups of a service or an instance in a snapshot."""
    import msgspec

    body = tree.snapshots[fmri][name].get(part, {})
    found: dict[str, Group] = msgspec.convert(body, dict[str, Group])
    return found


def only(words: Sequence[str], usage: str) -> str:
    """The only word after a command. Raises UsageError."""
    if len(words) != 1:
        raise UsageError(usage.split()[0], hint=usage)
    return str(words[0])
