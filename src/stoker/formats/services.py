"""What a service bundle says, as data: services with property groups, as SMF's repository has them.

`Service` is what a manifest states of one service, complete enough to write the manifest again.
It is kept by an import, shown by listings, and composed to definitions.
"""

from __future__ import annotations

import msgspec

from stoker.model import Group, Property, compose

__all__ = ["Dependent", "Service"]


class Dependent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A dependency that an entity puts upon another (`target`, a canonical FMRI)."""

    name: str
    target: str
    grouping: str = "require_all"
    restart_on: str = "none"
    properties: dict[str, Property] = {}


class Service(msgspec.Struct, omit_defaults=True):
    """A service and its instances, each a name to its groups.

    `dependents` by instance ("" is the service). `overrides`: (instance, group, property) that
    win over an administrator's value; `deletes`: (instance, group) to be removed. `file` and
    `lines` say where it stands: (instance, group, property) to a line; they are not kept.
    """

    fmri: str
    kind: str = "service"
    version: str = "1"
    groups: dict[str, Group] = {}
    instances: dict[str, dict[str, Group]] = {}
    dependents: dict[str, list[Dependent]] = {}
    overrides: list[tuple[str, str, str]] = []
    deletes: list[tuple[str, str]] = []
    file: str = ""
    lines: dict[str, int] = {}

    def composed(self, instance: str) -> dict[str, Group]:
        """What holds for one of its instances."""
        return compose(self.groups, self.instances.get(instance, {}))

    def line(self, instance: str, group: str, name: str = "") -> int | None:
        """Where a property stands: the instance's own, else the service's."""
        for who in (instance, ""):
            for key in (f"{who} {group} {name}", f"{who} {group} "):
                if key in self.lines:
                    return self.lines[key]
        return None
