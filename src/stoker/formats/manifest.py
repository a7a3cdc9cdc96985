"""The manifest format, NAME.xml: a service bundle as SMF has it (smf(7), service_bundle(5)).

A manifest among the definitions of a place describes services like any other file: it is read
again by a reload. Its name means nothing; the services are named in it. What cannot be found on
this machine (programs that only Solaris has) is a warning, never a reason not to take it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from stoker.model import Mistaken

from .entry import Entry, Reading, Reference, Surroundings, readable, slurp

if TYPE_CHECKING:
    from .services import Service
    from .xml import Element

__all__ = ["Bundle", "Manifest", "define_imported", "read_bundle"]

LARGEST = 16 * 1024 * 1024  # bytes


class Bundle:
    """What a file came to. `kind`: manifest, profile, archive; "" when it is not even a bundle."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.kind = ""
        self.name = ""
        self.services: list[Service] = []
        self.mistakes: list[Mistaken] = []
        self.includes: list[str] = []

    @property
    def good(self) -> bool:
        """No error."""
        return not any(one.level == "error" for one in self.mistakes)

    def tell(self, one: Element, message: str, hint: str) -> None:
        """An error at an element."""
        self.mistakes.append(Mistaken(message, readable(self.path), one.line, str(one), hint))

    def wrong(self, message: str, hint: str = "", line: int | None = None) -> None:
        """An error of the file as a whole."""
        self.mistakes.append(Mistaken(message, readable(self.path), line, None, hint))


def read_bundle(path: str, data: bytes | None = None) -> Bundle:
    """Read a service bundle; everything wrong with it is among its mistakes."""
    from .manifest_dtd import SYSTEM_ID, check_bundle
    from .manifest_read import read_services
    from .xml import Wrong, parse_xml

    bundle = Bundle(path)
    try:
        text = slurp(path, LARGEST + 1) if data is None else data
        if len(text) > LARGEST:
            bundle.wrong(f"is larger than {LARGEST} bytes", "split it")
            return bundle
        root, system = parse_xml(text)
    except OSError as wrong:
        bundle.wrong(f"cannot be read: {wrong.strerror or wrong}")
        return bundle
    except Wrong as wrong:
        bundle.wrong(wrong.message, wrong.hint, wrong.line)
        return bundle
    if root.name != "service_bundle":
        bundle.wrong(f"is no service bundle: it begins with <{root.name[:40]}>", "", root.line)
        return bundle
    if system != SYSTEM_ID:
        told = "no DOCTYPE" if system is None else f"the DOCTYPE {system[:100]!r}"
        bundle.wrong(f"has {told}", f"write <!DOCTYPE service_bundle SYSTEM '{SYSTEM_ID}'>", 1)
    bundle.kind, bundle.name = root.get("type"), root.get("name")
    if bundle.kind not in ("manifest", "profile", "archive"):
        bundle.tell(root, f"type cannot be {bundle.kind[:40]!r}", "manifest, profile or archive")
        return bundle
    profile = bundle.kind == "profile"
    check_bundle(root, profile, bundle.tell)
    if not profile:
        _uniform(root, bundle)
    else:
        bundle.includes = [one.get("href") for one in root.all("xi:include")]
    if bundle.good:
        bundle.services = read_services(root, profile, path, bundle.tell)
    return bundle


def _uniform(root: Element, bundle: Bundle) -> None:
    for one in root.children:
        if one.name == "xi:include":
            bundle.tell(one, "other files cannot be included in a manifest", "only in a profile")
        elif one.name == "service_bundle" and one.get("type") != bundle.kind:
            bundle.tell(one, "is of another type than the bundle around it", bundle.kind)


class Manifest:
    """The format `NAME.xml`."""

    name = "manifest"

    def claims(self, entry: Entry) -> bool:
        return entry.is_file and entry.name.endswith(".xml") and len(entry.name) > len(".xml")

    def read(self, entry: Entry, surroundings: Surroundings) -> Reading:
        bundle = read_bundle(entry.path)
        reading = Reading(mistakes=bundle.mistakes, path=entry.path)
        if bundle.kind == "profile":
            reading.mistakes.append(
                Mistaken(
                    "is a profile, which is applied rather than read",
                    readable(entry.path),
                    hint=f"stoker svccfg apply {readable(entry.name)}",
                    level="warning",
                )
            )
            return reading
        for service in bundle.services:
            _define(service, surroundings, reading)
        if not bundle.good:
            reading.definitions.clear()
        return reading


def define_imported(
    services: Iterable[Service], surroundings: Surroundings
) -> Iterator[tuple[str, Reading]]:
    """What each service that was imported comes to."""
    for service in services:
        reading = Reading(path=service.file or service.fmri)
        _define(service, surroundings, reading)
        yield service.fmri, reading


def _define(service: Service, surroundings: Surroundings, reading: Reading) -> None:
    """The definitions of a service's instances, and what it says of others."""
    from stoker.model import Dependency, compose

    from .composing import compose_definition, dependency_of
    from .inetd import defaults_of
    from .layer import overlaid

    told: set[tuple[str, str, str]] = set()
    layer = surroundings.layer
    added = layer.instances(service.fmri) if layer is not None else []
    for instance in dict.fromkeys([*service.instances, *added]):
        name = f"{service.fmri}:{instance}"
        reading.claims.append(name)

        def doubt(group: str, prop: str, message: str, hint: str, at: str = instance) -> None:
            if (group, prop, message) not in told:
                told.add((group, prop, message))
                key = f"{group}/{prop}" if prop else group
                line = service.line(at, group, prop)
                reading.mistakes.append(
                    Mistaken(message, readable(reading.path), line, key, hint, "warning",
                             f"{service.fmri}:{at}")
                )  # fmt: skip

        groups = service.composed(instance)
        if layer is not None and name in layer.running:
            over = layer.running[name]
            own = overlaid(service.instances.get(instance, {}), over.instance)
            groups = compose(overlaid(service.groups, over.service), own)
        if "general" not in groups or "enabled" not in groups["general"].properties:
            reading.claims.remove(name)
            continue  # no instance for SMF until it says whether it is enabled (smf(7))
        definition = compose_definition(
            name,
            groups,
            source=reading.path,
            log=surroundings.log,
            exists=surroundings.exists,
            doubt=doubt,
            defaults=defaults_of(layer),
        )
        reading.definitions.append(definition)
        for group in definition.dependencies:
            for target in group.targets:
                if target.startswith("svc:"):
                    line = service.line(instance, group.name)
                    reading.references.append(
                        Reference(target, readable(reading.path), line, f'"{group.name}"')
                    )
    for instance, those in service.dependents.items():
        owner = f"{service.fmri}:{instance}" if instance else service.fmri
        found: list[tuple[str, Dependency]] = reading.dependents
        found += [(one.target, dependency_of(one, owner)) for one in those]
