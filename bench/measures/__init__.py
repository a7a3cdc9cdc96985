"""What is measured: scenes, each of which one peer plays at a time."""

from __future__ import annotations

from .bundles import Bundles, Scanned
from .doors import Doors
from .engine import EngineAlone
from .graphs import Chain, Graph
from .idle import idle
from .logs import Logs
from .many import Many, Nothing
from .memory import Memory
from .ours import Crash, Storm
from .scene import Scene, running
from .smf import Manifests

__all__ = [
    "Bundles",
    "Chain",
    "Crash",
    "Doors",
    "EngineAlone",
    "Graph",
    "Logs",
    "Manifests",
    "Many",
    "Memory",
    "Nothing",
    "Scanned",
    "Scene",
    "Storm",
    "idle",
    "running",
]
