"""What each package offers is written down, so that no name comes or goes unnoticed.

After a deliberate change run ``python tests/unit/test_public_surface.py`` and commit the file.
"""

from __future__ import annotations

import importlib
from pathlib import Path

RECORD = Path(__file__).resolve().parents[1] / "data" / "public-surface.txt"
SOURCE = Path(__file__).resolve().parents[2] / "src" / "stoker"


def rooms() -> list[str]:
    """The top package and every room directly below it."""
    found = ["stoker"]
    for path in sorted(SOURCE.iterdir()):
        if path.suffix == ".py" and not path.stem.startswith("__"):
            found.append(f"stoker.{path.stem}")
        elif (path / "__init__.py").exists():
            found.append(f"stoker.{path.name}")
    return sorted(found)


def surface() -> list[str]:
    """One line for each name offered: ``stoker.model.Definition``."""
    return [f"{room}.{name}" for room in rooms() for name in sorted(offered(room))]


def offered(room: str) -> list[str]:
    return list(importlib.import_module(room).__all__)


def test_every_room_says_what_it_offers() -> None:
    silent = [room for room in rooms() if not hasattr(importlib.import_module(room), "__all__")]
    assert not silent


def test_every_name_offered_is_there_and_explained() -> None:
    broken = []
    for room in rooms():
        module = importlib.import_module(room)
        if not module.__doc__:
            broken.append(f"{room} has no docstring")
        for name in offered(room):
            if not hasattr(module, name):
                broken.append(f"{room} offers {name} and does not have it")
        if len(set(offered(room))) != len(offered(room)):
            broken.append(f"{room} offers a name twice")
    assert not broken, "\n".join(broken)


def test_the_surface_is_the_recorded_one() -> None:
    recorded = RECORD.read_text(encoding="utf-8").splitlines()
    now = surface()
    new = [name for name in now if name not in recorded]
    gone = [name for name in recorded if name not in now]
    assert (new, gone) == ([], []), f"run python {__file__} if this is meant"


if __name__ == "__main__":
    RECORD.write_text("\n".join(surface()) + "\n", encoding="utf-8")
