"""Whether the system's place is a machine's, whose init we are, or a service of another init's."""

from __future__ import annotations

import os

from stoker.errors import StokerError
from stoker.model import Place

from .belonging import HOME

__all__ = ["is_machine"]


def is_machine(place: Place, init: str = f"{HOME}/init") -> bool:
    """Whether definitions are to be read as a machine's, with its targets: as the manager that is
    up, or was last, reads them; else as that of the next boot will, when our init is installed
    here. A machine that is being made (chroot) is looked at so too.
    """
    if place.kind != "system":
        return False
    try:
        with open(place.file, "rb") as file:
            return Place.from_json(file.read()).machine
    except (OSError, StokerError):  # nothing was up yet, or it is not for us to read
        return os.path.exists(init)
