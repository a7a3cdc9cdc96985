"""Services that were imported, and what is set above files, among what the files came to."""

from __future__ import annotations

from stoker.model import Mistaken, display, service_of

from .directory import Found
from .entry import Surroundings, readable
from .inetd import INETD, MANIFEST
from .layer import Layer, lay_over
from .manifest import define_imported, read_bundle

__all__ = ["take_layer", "take_restarter"]


def take_layer(found: Found, surroundings: Surroundings) -> None:
    """Add the imported services, then lay what is set over the definitions of other formats.

    A service that a file describes is the file's: the import of that name is left out, and told.
    """
    layer: Layer = surroundings.layer
    taken = {service_of(name): file for name, file in found.claims.items()}
    free = []
    for fmri, service in layer.services.items():
        if fmri in taken:
            found.mistakes.append(
                Mistaken(
                    f"{display(fmri)} is imported too; what counts is this file",
                    taken[fmri],
                    hint=f"stoker svccfg delete {display(fmri)} forgets the import",
                    level="warning",
                )
            )
        else:
            free.append(service)
    for fmri, reading in define_imported(free, surroundings):
        found.mistakes += reading.mistakes
        found.references += reading.references
        found.definitions += reading.definitions
        found.dependents += [(to, what, reading.path) for to, what in reading.dependents]
        for name in reading.claims:
            found.claims[name] = readable(reading.path)
        found.stems.setdefault(fmri, readable(reading.path))
    found.definitions = lay_over(found.definitions, layer, found.mistakes)


def take_restarter(found: Found, surroundings: Surroundings) -> None:
    """network/inetd as we ship it, where something is delegated to it and nothing describes it."""
    if INETD in found.claims or not any(one.restarter == INETD for one in found.definitions):
        return
    bundle = read_bundle(MANIFEST)
    found.mistakes += bundle.mistakes
    for _, reading in define_imported(bundle.services, surroundings):
        found.definitions += reading.definitions
        found.claims.update(dict.fromkeys(reading.claims, MANIFEST))
