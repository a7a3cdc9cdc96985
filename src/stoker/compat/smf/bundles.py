"""svccfg's commands about service bundles: validate, import, export, extract, apply, inventory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

import msgspec

from stoker.errors import Failed, Refused, UsageError
from stoker.formats import Bundle, OverlayGroup, Service, read_bundle, write_manifest, write_profile
from stoker.model import MASTER, Group, Property, service_of

from .tree import Tree, as_body, group_row

__all__ = ["Bundles"]

Say = Callable[[str], object]


class Bundles:
    """Bundles in and out of a tree. `say` takes lines for standard error."""

    def __init__(self, tree: Tree, say: Say) -> None:
        self.tree = tree
        self.say = say

    # -- looking

    def read(self, path: str, *kinds: str) -> Bundle | None:
        """A bundle without mistakes; else None, and the mistakes are said."""
        bundle = read_bundle(path)
        for one in bundle.mistakes:
            self.say(str(one))
        if not bundle.good:
            return None
        if kinds and bundle.kind not in kinds:
            self.say(f"{path}: is of type {bundle.kind}, not {' or '.join(kinds)}")
            return None
        return bundle

    def validate(self, path: str) -> bool:
        """Whether a file is a right bundle."""
        return self.read(path) is not None

    def mistakes(self, fmri: str) -> list[str]:
        """What is wrong with a service as it is set now."""
        text = self.export([fmri]).encode("utf-8", "surrogateescape")
        return [str(one) for one in read_bundle(fmri, text).mistakes]

    def inventory(self, path: str) -> list[str] | None:
        """The FMRIs that a bundle is about: instances, then services."""
        bundle = self.read(path)
        if bundle is None:
            return None
        found = [f"{one.fmri}:{name}" for one in bundle.services for name in one.instances]
        return found + [one.fmri for one in bundle.services]

    # -- importing

    def import_files(self, paths: Iterable[str], check: bool = False) -> int:
        """Import manifests, and all below directories; how many failed. One reload at the end."""
        failed = 0
        rows: list[dict[str, object]] = []
        touched: list[str] = []
        for path in paths:
            for file in _files(path):
                try:
                    done = self._one(os.path.abspath(file), check, touched)
                except Failed as error:
                    self.say(f"{file}: {error}")
                    done = None
                if done is None:
                    failed += 1
                else:
                    rows += done
        if rows:
            rows += self.tree.refresh_rows(touched)
            self.tree.commit(rows)
            self._said(self.tree.reload())
        return failed

    def _one(self, path: str, check: bool, touched: list[str]) -> list[dict[str, object]] | None:
        """The changes that importing one file makes; None when it is not taken."""
        from hashlib import sha256

        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            raise Failed(error.strerror or str(error)) from None
        mark = sha256(data).hexdigest()
        if check and self.tree.hashes.get(path) == mark:
            return []
        bundle = self.read(path, "manifest", "archive")
        if bundle is None:
            return None
        rows: list[dict[str, object]] = []
        services = bundle.services
        if bundle.kind == "archive":
            services = [one for one in services if not self._filed(one)]
        for service in services:
            rows += self._service(service, touched)
        fmris = [one.fmri for one in services]
        rows.append({"do": "import", "file": path, "hash": mark, "body": fmris})
        return rows

    def _filed(self, one: Service) -> bool:
        """Whether a file of the place counts before what an archive says, which is told."""
        known = self.tree.files.get(one.fmri)
        if known is not None:
            self.say(f"{one.fmri} is described by {known.file}, which counts; it is passed over")
        return known is not None

    def _service(self, new: Service, touched: list[str]) -> list[dict[str, object]]:
        tree = self.tree
        filed = tree.files.get(new.fmri)
        if filed is not None:
            raise Failed(f"{new.fmri} is described by {filed.file}, which counts")
        old = tree.imported.get(new.fmri)
        rows: list[dict[str, object]] = []
        if old is not None:
            rows += self._keep(old, new)
        for instance in new.instances:
            fmri = f"{new.fmri}:{instance}"
            touched.append(fmri)
            content = {"service": new.groups, "instance": new.instances[instance]}
            body = msgspec.to_builtins(content)
            rows += tree.start_rows(fmri)
            if old is None or instance not in old.instances:
                rows.append(_snapshot(fmri, "initial", body))
            else:
                before = {"service": tree.current(new.fmri), "instance": tree.current(fmri)}
                rows.append(_snapshot(fmri, "previous", msgspec.to_builtins(before)))
            rows.append(_snapshot(fmri, "last-import", body))
        rows.append({"do": "service", "fmri": new.fmri, "body": as_body(new), "source": new.file})
        tree.imported[new.fmri] = new
        return rows

    def _keep(self, old: Service, new: Service) -> list[dict[str, object]]:
        """What a re-import does not change (smf(7)): enabled, restarter, and what an administrator
        set, which is told where the manifest changed too.
        """
        for name, groups in old.instances.items():
            if name not in new.instances:
                self.say(f"{new.fmri}:{name} is not in the manifest any more; it is kept")
                new.instances[name] = groups
            else:
                _carry(groups, new.instances[name], ("enabled", "restarter"))
        rows: list[dict[str, object]] = []
        for instance in ("", *new.instances):
            fmri = f"{new.fmri}:{instance}" if instance else new.fmri
            before = old.instances.get(instance, {}) if instance else old.groups
            after = new.instances[instance] if instance else new.groups
            for name, group in list(self.tree.admin.get(fmri, {}).items()):
                rows += self._conflicts(new, fmri, instance, name, group, before, after)
        return rows

    def _conflicts(
        self,
        new: Service,
        fmri: str,
        instance: str,
        name: str,
        group: OverlayGroup,
        before: dict[str, Group],
        after: dict[str, Group],
    ) -> list[dict[str, object]]:
        if (instance, name) in new.deletes:
            self.tree.admin[fmri].pop(name)
            return [group_row(fmri, name, None)]
        rest = dict(group.properties)
        for key, mine in group.properties.items():
            was, is_ = _of(before, name, key), _of(after, name, key)
            if (instance, name, key) in new.overrides:
                del rest[key]
            elif was != is_ and mine != is_:
                self.say(
                    f"{fmri}: {name}/{key} was changed by an administrator and by the manifest; "
                    "the administrator's value is kept"
                )
        if rest == group.properties:
            return []
        made = OverlayGroup(group.type, rest) if rest else None
        if made is None:
            self.tree.admin[fmri].pop(name)
        else:
            self.tree.admin[fmri][name] = made
        return [group_row(fmri, name, made)]

    def _said(self, answer: dict[str, object]) -> None:
        mistakes = answer.get("mistakes")
        for one in mistakes if isinstance(mistakes, list) else []:
            if one.get("level") == "error":
                self.say(f"{one.get('file') or ''}:{one.get('line') or ''}: {one['message']}")

    # -- exporting

    def described(self, fmri: str) -> Service:
        """A service as it is set now, without what others put upon it. Raises UsageError."""
        tree = self.tree
        if service_of(fmri) not in tree.services():
            raise UsageError(f"there is no {fmri}")
        base = tree.base(service_of(fmri))
        made = Service(base.fmri, base.kind, base.version, dependents=base.dependents)
        made.groups = self._own(base.fmri)
        for one in tree.instances(base.fmri):
            made.instances[one.removeprefix(base.fmri + ":")] = self._own(one, enabled=True)
        return made

    def _own(self, fmri: str, enabled: bool = False) -> dict[str, Group]:
        others = self.tree.external(fmri)
        found = {
            name: group
            for name, group in self.tree.current(fmri).items()
            if name not in others and name != "dependents"
        }
        row = self.tree.rows().get(fmri)
        if enabled and row is not None:
            general = dict(found["general"].properties) if "general" in found else {}
            general["enabled"] = Property("boolean", ("true" if row["enabled"] else "false",))
            found["general"] = Group("framework", general)
        return found

    def export(self, fmris: Iterable[str], name: str = "export", kind: str = "manifest") -> str:
        """A bundle of these services."""
        return write_manifest([self.described(one) for one in fmris], name, kind)

    def extract(self) -> str:
        """A profile of what is enabled."""
        return write_profile([self.described(one) for one in self.ours()])

    def ours(self) -> list[str]:
        """All services but the manager's own, which has options and nothing to run."""
        return [one for one in self.tree.services() if one != service_of(MASTER)]

    # -- profiles

    def apply(self, path: str, dry_run: bool = False) -> bool:
        """Apply a profile; false when it could not be read. What it names and is not there is
        passed over.
        """
        bundle = self.read(path, "profile")
        if bundle is None:
            return False
        good = True
        for one in bundle.includes:
            inner = one.removeprefix("file://").removeprefix("file:")
            inner = os.path.join(os.path.dirname(os.path.abspath(path)), inner)
            if os.path.exists(inner):
                good = self.apply(inner, dry_run) and good
            else:
                self.say(f"{path}: {one} is not here, and passed over")
        on: dict[bool, list[str]] = {True: [], False: []}
        rows: list[dict[str, object]] = []
        touched: list[str] = []
        for service in bundle.services:
            if service.fmri in self.tree.services():
                rows += self._profile(service, touched, on)
        if dry_run:
            return good
        if rows:
            rows += self.tree.refresh_rows(list(dict.fromkeys(touched)))
            self.tree.commit(rows)
            self._said(self.tree.reload())
        for value, names in on.items():
            there = [name for name in names if name in self.tree.rows()]
            if there:
                self.tree.ask("enable" if value else "disable", there, why=f"profile {path}")
        return good

    def _profile(
        self, service: Service, touched: list[str], on: dict[bool, list[str]]
    ) -> Iterator[dict[str, object]]:
        tree = self.tree
        parts = [(service.fmri, service.groups)]
        for name, groups in service.instances.items():
            fmri = f"{service.fmri}:{name}"
            if fmri not in tree.instances(service.fmri):
                continue
            parts.append((fmri, groups))
            flag = _of(groups, "general", "enabled")
            if flag is not None and flag.values:
                on[flag.values[0] == "true"].append(fmri)
        for fmri, groups in parts:
            for name, group in groups.items():
                row = self._laid(fmri, name, group)
                if row is not None:
                    touched += tree.instances(service.fmri) if fmri == service.fmri else [fmri]
                    yield row

    def _laid(self, fmri: str, name: str, group: Group) -> dict[str, object] | None:
        """The change that sets a profile's group."""
        tree = self.tree
        known = tree.composed(fmri).get(name)
        given: dict[str, Property | None] = {}
        for key, one in group.properties.items():
            if (name, key) == ("general", "enabled"):
                continue
            old = known.properties.get(key) if known is not None else None
            kind = one.type or (old.type if old is not None else "")
            if not kind:
                raise Refused(f"the type of {fmri} {name}/{key} is not known")
            given[key] = Property(kind, one.values)
        if not given:
            return None
        admin = tree.admin.setdefault(fmri, {})
        before = admin[name].properties if name in admin else {}
        kind = known.type if known is not None else group.type or "application"
        admin[name] = OverlayGroup(kind, {**before, **given})
        return group_row(fmri, name, admin[name])


def _files(path: str) -> Iterator[str]:
    """A file, or every *.xml below a directory, in the order of names."""
    if not os.path.isdir(path):
        yield path
        return
    for folder, below, names in os.walk(path):
        below.sort()
        for name in sorted(names):
            if name.endswith(".xml") and not name.startswith("."):
                yield os.path.join(folder, name)


def _snapshot(fmri: str, name: str, body: object) -> dict[str, object]:
    return {"do": "snapshot", "fmri": fmri, "name": name, "body": body}


def _of(groups: dict[str, Group], name: str, key: str) -> Property | None:
    group = groups.get(name)
    return group.properties.get(key) if group is not None else None


def _carry(old: dict[str, Group], new: dict[str, Group], names: Iterable[str]) -> None:
    """Take properties of `general` from the old groups into the new ones."""
    before = old.get("general")
    if before is None:
        return
    general = dict(new["general"].properties) if "general" in new else {}
    general |= {name: before.properties[name] for name in names if name in before.properties}
    new["general"] = Group("framework", general)
