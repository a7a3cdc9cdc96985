"""Take back what `install` did."""

from __future__ import annotations

from ..call import Call
from ..say import note
from .install import carry_out, registration

__all__ = ["run"]


def run(call: Call) -> int:
    """Remove exactly the files that `install` writes. A manager that runs goes on."""
    found = registration(call)
    acts = found.uninstall()
    if not acts and not call.json:
        print(f"nothing of ours is registered with {found.init}")
        return 0
    carry_out(call, found, acts)
    if not call.json and not call.get("dry_run") and not found.elsewhere:
        note(f"what runs goes on; stoker --{found.kind} down ends it")
    return 0
