"""What the native verbs prop, import, export and snapshot need of the tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stoker.errors import NoSuchService, UsageError
from stoker.model import Place, display, is_instance, matching, service_of

from .bundles import Bundles
from .editing import Editor
from .session import Session
from .tree import Tree

__all__ = ["Properties"]


class Properties:
    """The services of a place as property groups. `say` takes lines for a person."""

    def __init__(self, place: Place, say: Any) -> None:
        self.tree = Tree(place)
        self.bundles = Bundles(self.tree, say)

    def instance(self, name: str) -> str:
        """The one instance that a name stands for. Raises NoSuchService."""
        found = matching([name], self.tree.all_instances())
        if len(found) != 1:
            shown = [display(one) for one in found]
            raise NoSuchService(f"{name} stands for {', '.join(shown)}", hint="name one")
        return found[0]

    def get(self, name: str, wanted: Sequence[str]) -> list[dict[str, Any]]:
        """Properties as set now: name, type, values, whether an administrator set them, and
        whether they are in effect. Raises UsageError for what is not there.
        """
        fmri = self.instance(name)
        groups, effect = self.tree.composed(fmri), self.tree.in_effect(fmri)
        rows: list[dict[str, Any]] = []
        for group, one in groups.items():
            for key, value in one.properties.items():
                full = f"{group}/{key}"
                if wanted and full not in wanted and group not in wanted:
                    continue
                now = effect.get(group)
                same = now is not None and now.properties.get(key) == value
                rows.append(
                    {
                        "name": full,
                        "type": value.type,
                        "values": list(value.values),
                        "origin": self._origin(fmri, group, key),
                        "in_effect": same,
                    }
                )
        seen = {row["name"] for row in rows} | {row["name"].partition("/")[0] for row in rows}
        missing = [one for one in wanted if one not in seen]
        if missing:
            raise UsageError(f"{display(fmri)} has no {missing[0]}", hint="stoker prop get NAME")
        return rows

    def _origin(self, fmri: str, group: str, key: str) -> str:
        for who in (fmri, service_of(fmri)):
            mine = self.tree.admin.get(who, {}).get(group)
            if mine is not None and mine.properties.get(key) is not None:
                return "administrator"
            below = self.tree.below(who).get(group)
            if below is not None and key in below.properties:
                return self.tree.base(service_of(fmri)).file or "imported"
        return "manager"

    def set(self, name: str, given: Sequence[str], later: bool) -> None:
        """Set PG/PROP=VALUE, or PG/PROP=TYPE:VALUE for what is new; in effect at once unless
        `later`. Raises StokerError.
        """
        fmri = self.instance(name)
        editor = Editor(self.tree)
        for one in given:
            target, sign, text = one.partition("=")
            group, slash, key = target.partition("/")
            if not (sign and slash and group and key):
                raise UsageError(f"{one!r} is not understood", hint="PG/PROP=VALUE")
            kind, colon, value = text.partition(":")
            if not (colon and kind in _types()):
                kind, value = "", text
            editor.put(fmri, group, key, kind, [value])
        self._refresh(fmri, later)

    def unset(self, name: str, given: Sequence[str], later: bool) -> None:
        """Take back what was set. Raises StokerError."""
        fmri = self.instance(name)
        editor = Editor(self.tree)
        for one in given:
            group, _, key = one.partition("/")
            if not key:
                raise UsageError(f"{one!r} is not understood", hint="PG/PROP")
            editor.delprop(fmri, group, key)
        self._refresh(fmri, later)

    def _refresh(self, fmri: str, later: bool) -> None:
        if later:
            return
        rows = self.tree.refresh_rows([fmri])
        if rows:
            self.tree.commit(rows)
            self.tree.reload()

    def snapshots(self, name: str) -> list[str]:
        """Names of an instance's snapshots, oldest first."""
        return Session(self.tree).snapshots(self.instance(name))

    def revert(self, name: str, snapshot: str, later: bool) -> None:
        """Go back to a snapshot. Raises StokerError."""
        fmri = self.instance(name)
        session = Session(self.tree)
        session.selected = fmri
        session.cmd_revert([snapshot])
        self._refresh(fmri, later)

    def milestone(self, text: str = "", default: bool = False) -> tuple[str, str, int | None]:
        """The milestone now and of the next boot; with `text`, from now on that one, and the
        operation that ends when all has settled. Raises StokerError.
        """
        from .milestone import held, named, set_milestone

        number = set_milestone(self.tree, named(self.tree, text), default) if text else None
        return (*held(self.tree), number)

    def plan_of_milestone(self, text: str) -> dict[str, Any]:
        """What would happen if this one held. Raises StokerError."""
        from urllib.parse import quote

        from .milestone import named

        name = quote(named(self.tree, text), safe="")
        answer: dict[str, Any] = self.tree.client.get(f"/v1/milestone?name={name}")
        return answer

    def take(self, paths: Sequence[str]) -> int:
        """Import manifests; how many failed."""
        return self.bundles.import_files(paths)

    def export(self, names: Sequence[str]) -> str:
        """A bundle of the services of these names; of all, without one. Raises NoSuchService."""
        known = self.tree.all_instances()
        found = matching(names, known) if names else known
        services = dict.fromkeys(service_of(one) if is_instance(one) else one for one in found)
        return self.bundles.export(list(services))


def _types() -> tuple[str, ...]:
    from stoker.model import VALUE_TYPES

    return VALUE_TYPES
