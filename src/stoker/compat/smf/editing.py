"""svccfg's commands that change properties: addpg, delpg, setprop, delprop, setenv …"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stoker.errors import Refused, UsageError
from stoker.formats import OverlayGroup, Service
from stoker.model import FIELDS, FieldRow, Group, Property, check_name, checked, service_of

from .tree import VOLATILE, Tree, as_body, group_row
from .words import Word

__all__ = ["Editor"]


class Editor:
    """Changes to what is selected. Each is durable when its method returns."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    # -- services and instances

    def add(self, selected: str, name: str) -> str:
        """A new service, or a new instance of the selected service; its FMRI."""
        tree = self.tree
        if not selected:
            for part in name.split("/"):
                check_name(part, "service")
            fmri = f"svc:/{name}"
            if tree.exists(fmri):
                raise Refused(f"there is {fmri} already")
            made = Service(fmri)
            tree.commit([{"do": "service", "fmri": fmri, "body": as_body(made)}])
            tree.imported[fmri] = made
            return fmri
        check_name(name, "instance")
        service = service_of(selected)
        fmri = f"{service}:{name}"
        if tree.exists(fmri):
            raise Refused(f"there is {fmri} already")
        if service in tree.imported and service not in tree.files:
            made = tree.imported[service]
            made.instances[name] = {}
            tree.commit([_service_row(made)])
        else:
            # Below a file an instance is what the administrator sets of it.
            tree.set_group(fmri, "general", OverlayGroup("framework", {}))
        return fmri

    def delete(self, fmri: str, force: bool) -> None:
        """Forget a service or an instance that was imported or added. What runs is stopped."""
        tree = self.tree
        service = service_of(fmri)
        if not tree.exists(fmri):
            raise UsageError(f"there is no {fmri}")
        filed = tree.files.get(service)
        instance = fmri.removeprefix(service).removeprefix(":")
        if filed is not None and (not instance or instance in filed.instances):
            raise Refused(
                f"{fmri} is described by {filed.file}", hint="remove it there, and reload"
            )
        them = tree.instances(service) if fmri == service else [fmri]
        up = [
            one for one in them if tree.rows().get(one, {}).get("state") in ("online", "degraded")
        ]
        if up and not force:
            raise Refused(f"{up[0]} is online", hint="disable it, or delete -f")
        rows = []
        for one in [*them, *([service] if fmri == service else [])]:
            rows += [group_row(one, name, None) for name in tree.admin.get(one, {})]
            names = [*tree.snapshots.get(one, {}), *(["running"] if one in tree.running else [])]
            rows += [{"do": "snapshot", "fmri": one, "name": name, "body": None} for name in names]
        if service in tree.imported:
            if fmri == service:
                rows.append({"do": "service", "fmri": service, "body": None})
            else:
                made = tree.imported[service]
                made.instances.pop(instance, None)
                made.dependents.pop(instance, None)
                rows.append(_service_row(made))
        tree.commit(rows)
        tree.read_stored()
        tree.reload()

    # -- groups

    def addpg(self, fmri: str, name: str, kind: str, flags: str = "") -> None:
        check_name(name, "property group")
        if flags not in ("", "P"):
            raise UsageError(f"no such flag: {flags}", hint="P: not persistent")
        if name in self.tree.current(fmri):
            raise Refused(f"there is a property group {name} already")
        known = self.tree.admin.get(fmri, {}).get(name)
        if known is not None and known.gone:
            known = None
        if flags == "P":
            self.tree.volatile.add((fmri, name))
        self.tree.set_group(fmri, name, OverlayGroup(kind, {}))

    def delpg(self, fmri: str, name: str) -> None:
        found = self.tree.current(fmri).get(name)
        if found is None:
            raise UsageError(f"there is no property group {name}")
        self._not_ours(fmri, name, found)
        below = name in self.tree.below(fmri)
        self.tree.set_group(fmri, name, OverlayGroup(found.type, gone=True) if below else None)

    # -- properties

    def setprop(self, fmri: str, words: Sequence[Word]) -> None:
        """`pg/prop = [type:] value`, or `= [type:] (value …)`."""
        group, name, kind, values = _assignment(words)
        self.put(fmri, group, name, kind, values)

    def put(self, fmri: str, group: str, name: str, kind: str, values: Sequence[str]) -> None:
        """Set a property. `kind` "" keeps the type that it has."""
        check_name(name)
        known = self._group(fmri, group)
        old = known.properties.get(name)
        if not kind:
            if old is None:
                inherited = self._inherited(fmri, group, name) or _known(known.type, group, name)
                if inherited is None:
                    raise UsageError(
                        f"the type of {group}/{name} is not known", hint=f"{group}/{name} = TYPE: …"
                    )
                old = inherited
            kind = old.type
        made = Property(kind, tuple(checked(kind, value) for value in values))
        _fits(known.type, group, name, made)
        if (group, name) == ("general", "enabled") and fmri != service_of(fmri):
            self._enabled(fmri, made)
            return
        self._write(fmri, group, known.type, {name: made})

    def delprop(self, fmri: str, group: str, name: str) -> bool:
        """Take back what was set; else hide what file or import say. True when those say it."""
        known = self._group(fmri, group)
        admin = self.tree.admin.get(fmri, {}).get(group)
        mine = admin is not None and admin.properties.get(name) is not None
        if name not in known.properties:
            raise UsageError(f"there is no property {group}/{name}")
        below = self.tree.below(fmri).get(group)
        under = below is not None and name in below.properties
        if mine:
            assert admin is not None
            rest = {key: value for key, value in admin.properties.items() if key != name}
            self.tree.set_group(fmri, group, OverlayGroup(admin.type, rest))
            return under
        self._write(fmri, group, known.type, {name: None})
        return False

    def add_value(self, fmri: str, group: str, name: str, kind: str, value: str) -> None:
        old = self._group(fmri, group).properties.get(name)
        if old is not None and kind and old.type != kind:
            raise UsageError(f"{group}/{name} is of type {old.type}")
        values = old.values if old is not None else ()
        self.put(fmri, group, name, kind, [*values, value])

    def remove_values(self, fmri: str, group: str, name: str, pattern: str) -> None:
        from fnmatch import fnmatchcase

        old = self._group(fmri, group).properties.get(name)
        if old is None:
            raise UsageError(f"there is no property {group}/{name}")
        rest = [value for value in old.values if not fnmatchcase(value, pattern)]
        if len(rest) == len(old.values):
            raise UsageError(f"{group}/{name} has no value {pattern}")
        self.put(fmri, group, name, old.type, rest)

    def setenv(self, fmri: str, method: str, name: str, value: str | None) -> None:
        """Set or (None) remove a variable of a method, or of all."""
        if not name or "=" in name or name.startswith("SMF_"):
            raise UsageError(f"{name!r} is no name for a variable")
        group = method or self._context_group(fmri)
        known = self.tree.current(fmri).get(group)
        old = known.properties.get("environment") if known is not None else None
        pairs = [pair for pair in (old.values if old else ()) if not pair.startswith(name + "=")]
        if value is not None:
            pairs.append(f"{name}={value}")
        kind = known.type if known is not None else "framework"
        self._write(fmri, group, kind, {"environment": Property("astring", tuple(pairs))})

    def revert(self, fmri: str, wanted: dict[str, OverlayGroup]) -> None:
        """Make what is set of an entity this and nothing else."""
        known = self.tree.admin.get(fmri, {})
        rows = [group_row(fmri, name, None) for name in known if name not in wanted]
        rows += [group_row(fmri, name, one) for name, one in wanted.items()]
        if rows:
            self.tree.commit(rows)
            self.tree.read_stored()

    # -- inside

    def _context_group(self, fmri: str) -> str:
        return "start" if "start" in self.tree.composed(fmri) else "method_context"

    def _group(self, fmri: str, name: str) -> Group:
        if name in VOLATILE and (fmri, name) not in self.tree.volatile:
            raise Refused(f"{name} belongs to the restarter")
        found = self.tree.current(fmri).get(name)
        if found is None:
            above = self.tree.composed(fmri).get(name)
            if above is None and any(row.group == name for row in FIELDS):
                return Group("template" if name == "tm_common_name" else "framework")
            if above is None:
                raise UsageError(f"there is no property group {name}", hint="addpg makes one")
            return Group(above.type)
        self._not_ours(fmri, name, found)
        return found

    def _not_ours(self, fmri: str, name: str, group: Group) -> None:
        if "external" in group.properties and name in self.tree.external(fmri):
            owner = group.properties["entities"].values[0]
            raise Refused(f"the dependency {name} was put here by {owner}")

    def _inherited(self, fmri: str, group: str, name: str) -> Property | None:
        known = self.tree.composed(fmri).get(group)
        return known.properties.get(name) if known is not None else None

    def _write(
        self, fmri: str, group: str, kind: str, properties: dict[str, Property | None]
    ) -> None:
        admin = self.tree.admin.get(fmri, {}).get(group)
        below = self.tree.below(fmri).get(group)
        known = dict(admin.properties) if admin is not None and not admin.gone else {}
        merged: dict[str, Property | None] = {**known, **properties}
        for key, value in list(merged.items()):
            if value is None and (below is None or key not in below.properties):
                del merged[key]
        self.tree.set_group(fmri, group, OverlayGroup(kind, merged))

    def _enabled(self, fmri: str, made: Property) -> None:
        """general/enabled acts at once (smf(7)): it is the administrator's choice."""
        tree = self.tree
        on = made.values[:1] == ("true",)
        if fmri in tree.rows():
            tree.ask("enable" if on else "disable", [fmri], why="svccfg setprop")
            return
        self._write(fmri, "general", "framework", {"enabled": made})
        tree.commit(tree.refresh_rows([fmri]))
        tree.reload()


def _fits(group_type: str, group: str, name: str, made: Property) -> None:
    """Raise UsageError where a field of every service has another type, or other words."""
    for row in _rows(group_type, group, name):
        kind = row.type.removesuffix("*")
        if made.type != kind:
            raise UsageError(f"{group}/{name} is of type {kind}")
        if not row.type.endswith("*") and len(made.values) > 1:
            raise UsageError(f"{group}/{name} has one value")
        # A duration that is no word means contract, as SMF has it.
        if row.words and row.field != "model" and not set(made.values) <= set(row.words):
            raise UsageError(
                f"{group}/{name} cannot be {made.values[0]!r}",
                hint="one of " + ", ".join(row.words),
            )


def _rows(group_type: str, group: str, name: str) -> list[FieldRow]:
    several = {"method": "METHOD", "dependency": "DEPENDENCY", "health": "HEALTH"}
    kinds = (group, several.get(group_type, group))
    return [row for row in FIELDS if row.group in kinds and row.property == name]


def _known(group_type: str, group: str, name: str) -> Property | None:
    """A property that every service may have, by the table of fields; it has no value here."""
    for row in _rows(group_type, group, name):
        return Property(row.type.removesuffix("*"))
    return None


def _service_row(service: Service) -> dict[str, object]:
    return {
        "do": "service",
        "fmri": service.fmri,
        "body": as_body(service),
        "source": service.file,
    }


def _assignment(words: Sequence[Word]) -> tuple[str, str, str, list[str]]:
    """Group, property, type and values of `pg/prop = …`."""
    usage = UsageError("setprop", hint='setprop pg/prop = [type:] value, or = [type:] ("value" …)')
    if len(words) < 2:
        raise usage
    target, rest = str(words[0]), list(words[1:])
    if target.endswith("="):
        target = target[:-1]
    elif rest[0] == "=":
        rest = rest[1:]
    elif "=" in target:
        target, _, first = target.partition("=")
        rest = [Word(first), *rest]
    else:
        raise usage
    group, slash, name = target.partition("/")
    if not slash or not name:
        raise usage
    kind = ""
    if rest and rest[0].endswith(":") and rest[0].bare and len(rest) > 1:
        kind, rest = rest[0][:-1], rest[1:]
    if rest and rest[0] == "(" and rest[0].bare:
        if rest[-1] != ")":
            raise usage
        return group, name, kind, [str(word) for word in rest[1:-1]]
    if len(rest) != 1:
        raise usage
    return group, name, kind, [str(rest[0])]


def replaced(service: Service, **fields: object) -> Service:
    """A service with other fields."""
    return msgspec.structs.replace(service, **fields)
