"""What tests about bundles share."""

from __future__ import annotations

from pathlib import Path

FOREVER = "exec sleep infinity"


def bundle(root: Path, **programs: str) -> Path:
    """A bundle with these shell programs."""
    root.mkdir(parents=True, exist_ok=True)
    for name, text in programs.items():
        file = root / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
    return root


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def relate(one: Path, relation: str, *others: Path) -> None:
    """Links in ONE/RELATION that lead to others."""
    (one / relation).mkdir(exist_ok=True)
    for other in others:
        (one / relation / other.name).symlink_to(other)
