"""The services of a place as property groups, layer upon layer, and changes to them."""

from __future__ import annotations

from typing import Any

import msgspec

from stoker.client import Client, connect, place_of, records
from stoker.errors import NoManager, Refused, StokerError
from stoker.formats import (
    Dependent,
    Overlay,
    OverlayGroup,
    Service,
    overlaid,
    read_services_of,
)
from stoker.model import Group, Place, Property, compose, service_of

__all__ = ["Tree", "as_body", "difference"]

LARGEST = 900_000  # bytes of one request
_OF_SOLARIS10 = (
    "administrative_request",
    "dependency_cycle",
    "fault_threshold_reached",
    "invalid_dependency",
    "invalid_restarter",
    "method_failed",
    "restarting_too_quickly",
)
"""The auxiliary states that it knows."""
VOLATILE = ("restarter", "restarter_actions", "general_ovr", "options_ovr")


class Tree:
    """Everything there is, as read at one moment. `admin`: by service or instance, then group."""

    def __init__(self, place: Place | None = None) -> None:
        self.place = place if place is not None else place_of()
        self._client: Client | None = None
        self._rows: dict[str, dict[str, Any]] | None = None
        self._smf: str | None = None
        self.files: dict[str, Service] = {}
        self.imported: dict[str, Service] = {}
        self.admin: dict[str, dict[str, OverlayGroup]] = {}
        self.volatile: set[tuple[str, str]] = set()
        self.running: dict[str, Overlay] = {}
        self.snapshots: dict[str, dict[str, Any]] = {}
        self.hashes: dict[str, str] = {}
        self.count = 0
        self.read()

    # -- reading

    def read(self) -> None:
        """Read everything (again)."""
        self.files, _layer = read_services_of(self.place)
        self.read_stored()

    def read_stored(self) -> None:
        """Read what the repository has (again)."""
        self._rows = None
        self.imported, self.admin, self.running = {}, {}, {}
        self.snapshots, self.hashes, self.volatile = {}, {}, set()
        import os

        if not os.path.isdir(self.place.state) or not os.path.isdir(self.place.logs):
            return  # it was never up: nothing is stored
        with records(self.place, {"do": "properties"}) as rows:
            for row in rows:
                self._take(row)

    def _take(self, row: dict[str, Any]) -> None:
        if "service" in row:
            self.imported[row["service"]] = msgspec.convert(row["body"], Service)
        elif "group" in row:
            body = msgspec.convert(row["body"], OverlayGroup)
            self.admin.setdefault(row["group"], {})[row["name"]] = body
            if row["volatile"]:
                self.volatile.add((row["group"], row["name"]))
        elif "snapshot" in row and row["name"] == "running":
            self.running[row["snapshot"]] = msgspec.convert(row["body"], Overlay)
        elif "snapshot" in row:
            self.snapshots.setdefault(row["snapshot"], {})[row["name"]] = row["body"]
        elif "import" in row:
            self.hashes[row["import"]] = row["hash"]
        elif "count" in row:
            self.count = row["count"]

    @property
    def client(self) -> Client:
        """The manager's client. Raises NoManager."""
        if self._client is None:
            self._client = connect(self.place)
        return self._client

    @property
    def solaris10(self) -> bool:
        """Whether the customs of Solaris 10 hold. Raises NoManager."""
        if self._smf is None:
            self._smf = str(self.client.get("/v1").get("smf"))
        return self._smf == "solaris10"

    def rows(self) -> dict[str, dict[str, Any]]:
        """The listing of the manager by FMRI; empty where none runs."""
        if self._rows is None:
            try:
                found = self.client.get("/v1/instances")["instances"]
            except NoManager:
                found = []
            self._rows = {row["fmri"]: row for row in found}
        return self._rows

    # -- what there is

    def services(self) -> list[str]:
        """FMRIs of all services, sorted."""
        mine = {service_of(name) for name in self.admin}
        return sorted({*self.files, *self.imported, *mine})

    def base(self, service: str) -> Service:
        """What a file, or else an import, says of a service; an empty one where none does."""
        found = self.files.get(service) or self.imported.get(service)
        return found if found is not None else Service(service)

    def instances(self, service: str) -> list[str]:
        """FMRIs of a service's instances."""
        names = [f"{service}:{name}" for name in self.base(service).instances]
        mine = [name for name in self.admin if name.startswith(service + ":")]
        return list(dict.fromkeys([*names, *mine]))

    def all_instances(self) -> list[str]:
        """FMRIs of all instances, sorted by service."""
        return [one for service in self.services() for one in self.instances(service)]

    def exists(self, fmri: str) -> bool:
        """Whether there is such a service or instance."""
        service = service_of(fmri)
        if fmri == service:
            return service in self.services()
        return fmri in self.instances(service)

    # -- groups

    def below(self, fmri: str) -> dict[str, Group]:
        """What file or import say of a service or an instance itself."""
        service, _, instance = fmri.removeprefix("svc:").partition(":")
        base = self.base("svc:" + service)
        return base.instances.get(instance, {}) if instance else base.groups

    def current(self, fmri: str) -> dict[str, Group]:
        """A service's or an instance's own groups as set now."""
        found = overlaid(self.below(fmri), self.admin.get(fmri, {}))
        found |= self.external(fmri)
        names = {one.name: Property("fmri", (one.target,)) for one in self.dependents(fmri)}
        if names:
            found["dependents"] = Group("framework", names)
        return found

    def composed(self, fmri: str) -> dict[str, Group]:
        """What holds for an instance as set now; a service's own groups for a service."""
        if fmri == service_of(fmri):
            return self.current(fmri)
        both = compose(self.current(service_of(fmri)), self.current(fmri))
        return self._with_state(fmri, both)

    def in_effect(self, fmri: str) -> dict[str, Group]:
        """What holds for an instance by its running snapshot; for a service, what is set now."""
        service = service_of(fmri)
        if fmri == service:
            return self.current(fmri)
        over = self.running.get(fmri, Overlay())
        above = overlaid(self.below(service), over.service) | self.external(service)
        own = overlaid(self.below(fmri), over.instance) | self.external(fmri)
        return self._with_state(fmri, compose(above, own))

    def is_in_effect(self, fmri: str, snapshot: str) -> bool:
        """Whether a snapshot is just what is in effect: `running`, and `start` while nothing has
        changed since the instance started.
        """
        return snapshot == "running" or (snapshot == "start" and not self._has_start(fmri))

    def _has_start(self, fmri: str) -> bool:
        kept = self.snapshots.get(fmri, {}).get("start")
        return kept is not None and kept["run"] == self._run(fmri)

    def _run(self, fmri: str) -> int:
        """The number of what runs of an instance; 0 when nothing does."""
        return self.rows().get(fmri, {}).get("run") or 0

    def start_rows(self, fmri: str) -> list[dict[str, Any]]:
        """The changes that keep with what an instance was started: to be asked for before what is
        in effect changes. None where nothing runs, or where that was done since the start.
        """
        run = self._run(fmri)
        if not run or self._has_start(fmri):
            return []
        service, over = service_of(fmri), self.running.get(fmri, Overlay())
        parts = {
            "service": overlaid(self.below(service), over.service),
            "instance": overlaid(self.below(fmri), over.instance),
        }
        body: dict[str, Any] = {**msgspec.to_builtins(parts), "run": run}
        self.snapshots.setdefault(fmri, {})["start"] = body
        # A run's number is one of the keeper's life alone.
        return [{"do": "snapshot", "fmri": fmri, "name": "start", "body": body, "volatile": True}]

    def dependents(self, fmri: str) -> list[Dependent]:
        """The dependencies that an entity puts upon others."""
        service = service_of(fmri)
        instance = fmri.removeprefix(service).removeprefix(":")
        return self.base(service).dependents.get(instance, [])

    def external(self, fmri: str) -> dict[str, Group]:
        """Dependencies that others put upon an entity."""
        found = {}
        for service in self.services():
            for instance, those in self.base(service).dependents.items():
                owner = f"{service}:{instance}" if instance else service
                for one in those:
                    if one.target == fmri:
                        found[one.name] = _external(one, owner)
        return found

    def _with_state(self, fmri: str, groups: dict[str, Group]) -> dict[str, Group]:
        """The groups with what the manager knows of the instance, which is never set."""
        row = self.rows().get(fmri)
        if row is None:
            return groups
        found = dict(groups)
        general = dict(found["general"].properties) if "general" in found else {}
        general["enabled"] = _flag(row["enabled"])
        found["general"] = Group("framework", general)
        if row["wanted"] != row["enabled"]:
            found["general_ovr"] = Group("framework", {"enabled": _flag(row["wanted"])})
        if self.solaris10 and row["reason"] not in _OF_SOLARIS10:
            row = row | {"reason": "none"}
        found["restarter"] = Group("framework", _restarter(row))
        return found

    # -- changing

    def commit(self, changes: list[dict[str, Any]]) -> None:
        """Make changes durable, those of one request wholly or not at all. Raises StokerError."""
        piece: list[dict[str, Any]] = []
        size = 0
        for one in changes:
            length = len(msgspec.json.encode(one))
            if piece and size + length > LARGEST:
                self._send(piece)
                piece, size = [], 0
            piece.append(one)
            size += length
        if piece:
            self._send(piece)

    def _send(self, changes: list[dict[str, Any]]) -> None:
        body = msgspec.json.encode({"changes": changes, "expect": self.count})
        self.client.post("/v1/properties", body, patience=120)
        self.count += 1

    def set_group(self, fmri: str, name: str, group: OverlayGroup | None) -> None:
        """Set (None: forget) what the administrator says of a group. Raises StokerError."""
        known = self.admin.setdefault(fmri, {})
        if group is not None and not group.gone and not group.properties and name in self.below(
            fmri
        ):  # fmt: skip
            group = None
        volatile = (fmri, name) in self.volatile
        self.commit([group_row(fmri, name, group, volatile)])
        if group is None:
            known.pop(name, None)
        else:
            known[name] = group
        if not known:
            del self.admin[fmri]

    def refresh_rows(self, fmris: list[str]) -> list[dict[str, Any]]:
        """The changes that make what is set now the running snapshot of these instances."""
        rows = []
        for fmri in fmris:
            over = Overlay(
                dict(self.admin.get(service_of(fmri), {})), dict(self.admin.get(fmri, {}))
            )
            if over != self.running.get(fmri, Overlay()):
                rows += self.start_rows(fmri)
                body = msgspec.to_builtins(over) if over != Overlay() else None
                rows.append({"do": "snapshot", "fmri": fmri, "name": "running", "body": body})
                self.running[fmri] = over
        return rows

    def reload(self) -> dict[str, Any]:
        """Have the manager take what is in effect now. Raises StokerError."""
        answer: dict[str, Any] = self.client.post("/v1/reload", {}, patience=300)
        self._rows = None
        return answer

    def ask(self, verb: str, names: list[str], **more: Any) -> dict[str, Any]:
        """An operation of the manager. Raises StokerError."""
        body = {"verb": verb, "names": names, **more}
        answer: dict[str, Any] = self.client.post("/v1/operations", body)
        self._rows = None
        return answer

    def again(self, change: Any) -> None:
        """Do what changes something; once more if somebody else was faster."""
        try:
            change()
        except Refused as error:
            if "meanwhile" not in error.message:
                raise
            self.read_stored()
            change()


def group_row(
    fmri: str, name: str, group: OverlayGroup | None, volatile: bool = False
) -> dict[str, Any]:
    """The change that stores (or forgets) what is set of a group."""
    body = None if group is None else msgspec.to_builtins(group)
    row = {"do": "group", "fmri": fmri, "name": name, "body": body}
    return row | {"volatile": True} if volatile else row


def as_body(service: Service) -> dict[str, Any]:
    """A service as it is stored."""
    bare = msgspec.structs.replace(service, lines={}, overrides=[], deletes=[])
    body: dict[str, Any] = msgspec.to_builtins(bare)
    return body


def difference(below: dict[str, Group], wanted: dict[str, Group]) -> dict[str, OverlayGroup]:
    """What must be set above `below` so that `wanted` holds."""
    found: dict[str, OverlayGroup] = {}
    for name in {**below, **wanted}:
        old, new = below.get(name), wanted.get(name)
        if new is None:
            found[name] = OverlayGroup(gone=True)
        elif old is None or old.type != new.type:
            found[name] = OverlayGroup(new.type, dict(new.properties))
        else:
            changed: dict[str, Property | None] = {
                key: new.properties.get(key)
                for key in {**old.properties, **new.properties}
                if old.properties.get(key) != new.properties.get(key)
            }
            if changed:
                found[name] = OverlayGroup(new.type, changed)
    return found


def _external(one: Dependent, owner: str) -> Group:
    return Group(
        "dependency",
        {
            "grouping": Property("astring", (one.grouping,)),
            "restart_on": Property("astring", (one.restart_on,)),
            "type": Property("astring", ("service",)),
            "entities": Property("fmri", (owner,)),
            "external": _flag(True),
            **one.properties,
        },
    )


def _flag(value: bool) -> Property:
    return Property("boolean", ("true" if value else "false",))


def _restarter(row: dict[str, Any]) -> dict[str, Property]:
    """The group that SMF's restarter keeps of an instance (non-persistent)."""
    from stoker.model import parse_time

    at = parse_time(row["state_time"], 0)
    found = {
        "state": Property("astring", (row["state"],)),
        "next_state": Property("astring", (row["next_state"] or "none",)),
        "auxiliary_state": Property("astring", (row["reason"],)),
        "state_timestamp": Property("time", (f"{at // 10**9}.{at % 10**9:09d}",)),
        "contract": Property("count", () if row["contract"] is None else (str(row["contract"]),)),
    }
    if row["pid"] is not None:
        found["start_pid"] = Property("count", (str(row["pid"]),))
    return found


def failed(error: StokerError) -> str:
    """What a command says of an error."""
    return f"{error} ({error.hint})" if error.hint else str(error)
