"""A container as far as the kernel knows one: namespaces, a root file system of its own, no rights.
There is no engine here; what one does is done by unshare(1), mount(8) and setpriv(1).
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Container", "instructions"]

PATIENCE = 120
NOBODY = 10001  # whom no table of users knows
RUN = "/run/stoker"
TMPFS = "mode=1777,noexec,nosuid,nodev"  # as engines mount one
REPOSITORY = Path(__file__).parents[2]


class Container:
    """What a test may say of one; `argv` is what its PID 1 executes."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.uid = NOBODY
        self.copy: dict[str, str] = {}
        self.ignored: list[str] = []  # names that are not copied
        self.tmpfs = {RUN: TMPFS}
        self.files: dict[str, str] = {}
        self.read_only = True
        self.alone = True  # without this machine's network
        self.environment = {"PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin"}
        self.bind = [sys.prefix, str(REPOSITORY)]
        self.cwd = "/"

    def command(self, *argv: str) -> list[str]:
        """What starts it."""
        root = self.scratch / "root"
        root.mkdir(exist_ok=True)
        asked = {
            "argv": argv,
            "uid": self.uid,
            "root": str(root),
            "bind": [path for path in self.bind if not path.startswith("/usr/")],
            "copy": self.copy,
            "ignored": self.ignored,
            "files": self.files,
            "tmpfs": self.tmpfs,
            "read_only": self.read_only,
            "alone": self.alone,
            "env": self.environment,
            "cwd": self.cwd,
        }
        inside = str(Path(__file__).with_name("container_root.py"))
        namespaces = ["--pid", "--fork", "--mount", "--ipc", "--uts", "--kill-child"]
        namespaces += ["--net"] if self.alone else []
        return ["unshare", *namespaces, sys.executable, "-I", inside, json.dumps(asked)]

    def begin(self, *argv: str) -> subprocess.Popen[str]:
        """Start it, with pipes."""
        return subprocess.Popen(
            self.command(*argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *argv: str, input: str = "") -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.command(*argv), input=input, capture_output=True, text=True, timeout=PATIENCE
        )


def may_be_made() -> bool:
    words = ["unshare", "--pid", "--fork", "--mount", "--net", "--mount-proc", "true"]
    return os.geteuid() == 0 and subprocess.run(words, capture_output=True).returncode == 0


def instructions(path: Path) -> list[tuple[str, Any]]:
    """The instructions of a Dockerfile, in order: name, and its words (a list) where they are given
    as JSON, else its text.
    """
    text = path.read_text().replace("\\\n", " ")
    found: list[tuple[str, Any]] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.strip().partition(" ")
        found.append((name, json.loads(rest) if rest.startswith("[") else rest.strip()))
    return found


def ignored(path: Path) -> list[str]:
    """The names that a .dockerignore leaves out, wherever they are."""
    lines = path.read_text().splitlines()
    return [line.rpartition("/")[2] for line in lines if line and not line.startswith("#")]


def words_of(given: list[str] | str) -> list[str]:
    """What an instruction executes."""
    return given if isinstance(given, list) else ["/bin/sh", "-c", given]


def assignments(text: str) -> dict[str, str]:
    """The variables of an ENV instruction."""
    pairs = (word.partition("=") for word in shlex.split(text))
    return {name: value for name, _, value in pairs}


@pytest.fixture
def container(tmp_path: Path) -> Container:
    if not may_be_made():
        pytest.skip("no namespaces may be made here")
    return Container(tmp_path)
