"""What tests about bundles share."""

from __future__ import annotations

import os
import struct
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


def status(one: Path) -> bytes:
    return (one / "supervise" / "status").read_bytes()


def pid(one: Path) -> int:
    return int(struct.unpack_from("<I", status(one), 12)[0])


def write(one: Path, letters: str) -> None:
    control = os.open(one / "supervise" / "control", os.O_WRONLY | os.O_NONBLOCK)
    os.write(control, letters.encode())
    os.close(control)


def served(one: Path) -> bool:
    """As svok(8) asks."""
    try:
        os.close(os.open(one / "supervise" / "ok", os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
