"""What to do next."""

from __future__ import annotations

from . import effects as _effects
from . import events as _events
from .effects import *  # noqa: F403
from .events import *  # noqa: F403
from .facts import Cause, Fault, Halt, Instance, Operation, Override
from .gates import Reason
from .machine import Engine
from .world import Behaviour, World

__all__ = [
    *_effects.__all__,
    *_events.__all__,
    "Behaviour",
    "Cause",
    "Engine",
    "Fault",
    "Halt",
    "Instance",
    "Operation",
    "Override",
    "Reason",
    "World",
]
