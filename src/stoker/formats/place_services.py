"""Every service of a place as property groups: for those who list and write them, not for running.

What a manifest says is taken from the manifest; a service of another format is shown as its
definitions are, through the table of fields.
"""

from __future__ import annotations

import os

from stoker.model import Definition, Group, Place, Property, service_of, split, view

from .compile import compile_place
from .inetd import INETD, MANIFEST
from .layer import Layer, read_layer
from .manifest import read_bundle
from .services import Service

__all__ = ["read_services_of"]


def read_services_of(place: Place) -> tuple[dict[str, Service], Layer]:
    """The services that files describe, by FMRI, and what is imported and in effect above them."""
    layer = read_layer(os.path.join(place.state, "layer.json"), [])
    files: dict[str, Service] = {}
    found: dict[str, Service] = {}
    bundles: set[str] = set()
    bare = Place(**place.as_dict() | {"state": "/nonexistent"})
    for one in compile_place(bare).definitions:
        name = service_of(one.fmri)
        if one.format != "manifest":
            _native(found.setdefault(name, Service(name, file=one.source)), one)
        elif one.source not in bundles:
            bundles.add(one.source)
            files |= {service.fmri: service for service in read_bundle(one.source).services}
    for service in found.values():
        _common(service)
    there = {**found, **files}
    inetd = service_of(INETD)
    known = [*there.values(), *layer.services.values()]
    if inetd not in {one.fmri for one in known} and any(map(_delegates, known)):
        there |= {service.fmri: service for service in read_bundle(MANIFEST).services}
    return there, layer


def _delegates(service: Service) -> bool:
    """Whether an instance of it is inetd's."""
    for groups in (service.groups, *service.instances.values()):
        restarter = groups["general"].properties.get("restarter") if "general" in groups else None
        if restarter is not None and restarter.values == (INETD,):
            return True
    return False


def _common(service: Service) -> None:
    """What all instances have alike is the service's; whether each is enabled is its own."""
    them = list(service.instances.values())
    for name, group in list(them[0].items()):
        if name != "general" and all(own.get(name) == group for own in them):
            service.groups[name] = group
            for own in them:
                del own[name]


def _native(service: Service, one: Definition) -> None:
    groups = view(one)
    general = dict(groups["general"].properties) if "general" in groups else {}
    general["enabled"] = Property("boolean", ("true" if one.enabled else "false",))
    groups["general"] = Group("framework", general)
    service.instances[split(one.fmri)[1]] = groups
