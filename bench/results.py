"""Figures as they come in: a key says what was measured, of whom, with its unit."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Results"]


class Results:
    """All figures of a run: for each key and peer the values of its rounds."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, list[float]]] = {}
        self.units: dict[str, str] = {}
        self.failures: list[tuple[str, str, str]] = []

    def add(self, peer: str, figures: Mapping[str, float]) -> None:
        """Figures of one scene. A key ends with its unit, after a comma: "start of 100, s"."""
        for key, value in figures.items():
            what, _, unit = key.rpartition(", ")
            self.units[what] = unit
            self.values.setdefault(what, {}).setdefault(peer, []).append(value)

    def failed(self, peer: str, scene: str, why: str) -> None:
        """A scene that came to nothing, and why."""
        self.failures.append((peer, scene, why))

    def median(self, what: str, peer: str) -> float | None:
        """The median of the rounds, None if there was none."""
        found = self.values.get(what, {}).get(peer)
        return statistics.median(found) if found else None

    def as_data(self, about: Mapping[str, Any], peers: Iterable[tuple[str, str, str]]) -> Any:
        """Everything as JSON data; `peers`: (name, version, why it is absent)."""
        return {
            "about": dict(about),
            "peers": [
                {"name": name, "version": version or None, "absent": absent or None}
                for name, version, absent in peers
            ],
            "measures": [
                {
                    "what": what,
                    "unit": self.units[what],
                    "peers": {
                        peer: {"median": statistics.median(values), "values": values}
                        for peer, values in found.items()
                    },
                }
                for what, found in self.values.items()
            ],
            "failed": [
                {"peer": peer, "measure": scene, "why": why} for peer, scene, why in self.failures
            ],
        }
