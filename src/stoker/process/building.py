"""Building the spawner of spawner.c, when stoker itself is built; nothing is compiled at run time.

``python -m stoker.process.building`` puts it where `Spawning` looks for it: for those who run
stoker out of its sources.
"""

from __future__ import annotations

import os
import shutil
import subprocess

__all__ = ["build"]

_SOURCE = os.path.join(os.path.dirname(__file__), "spawner.c")
_FLAGS = (
    "-O2",
    "-static",
    "-nostdlib",
    "-ffreestanding",
    "-fno-stack-protector",
    "-fno-pic",
    "-no-pie",
    "-fno-asynchronous-unwind-tables",
    "-Wl,--build-id=none",
    "-Wl,-z,noseparate-code",
    "-s",
)


def build(target: str) -> str:
    """Compile it to `target`; "" when that is done, else why it cannot be had here."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        return "there is no C compiler"
    new = f"{target}.new"
    words = [compiler, *_FLAGS, "-o", new, _SOURCE]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr.strip()[-500:] or f"{compiler} ended with {done.returncode}"
    os.replace(new, target)
    return ""


if __name__ == "__main__":
    raise SystemExit(build(os.path.join(os.path.dirname(__file__), "spawner")) or 0)
