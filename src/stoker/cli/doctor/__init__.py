"""What `stoker doctor` looks at: one function for each subject, each with its findings and facts.

It decides what counts as wrong with a place and its machine, and what is to be done about it. Every
finding names a remedy. Nothing is changed: databases are opened read only, and no manager is
needed; what may not be looked at (another user's processes) is passed over and said.

Must not: start, stop or ask for anything that changes something.
"""

from __future__ import annotations

from .files import definitions, logs, permissions, repository
from .machine import cgroups, clock, descriptors, orphans
from .programs import programs
from .report import Finding, Patient

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CHECKS", "Finding", "Patient"]

CHECKS: tuple[Callable[[Patient], None], ...] = (
    programs,
    descriptors,
    cgroups,
    orphans,
    logs,
    repository,
    permissions,
    definitions,
    clock,
)
"""In the order in which a person should read them."""
