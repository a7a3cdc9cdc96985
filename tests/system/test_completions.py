"""Completion as who presses TAB has it: each shell, on a terminal, with a running place."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stoker.testing import Scenario

PATIENCE = 60.0
# Takes the terminal on its standard input as its own, as a shell expects.
TAKE = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
CLEAR = "\x15"  # Ctrl-U: the line is thrown away
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(stoker completion bash)"'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -Uz compinit; compinit -D -u; eval "$(stoker completion zsh)"',
    ),
    "fish": (["fish", "--no-config", "-i"], "stoker completion fish | source"),
}


class Typist:
    """A shell on a terminal of its own, and what it has shown."""

    def __init__(self, argv: list[str], environment: dict[str, str], home: Path) -> None:
        self.master, slave = pty.openpty()
        self.seen = ""
        path = f"{Path(sys.executable).parent}:{environment['PATH']}"
        kept = {"STOKER_RUNTIME_DIR": environment["STOKER_RUNTIME_DIR"], "LC_ALL": "C.UTF-8"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE, *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=home,
            start_new_session=True,
            env={**kept, "PATH": path, "TERM": "vt100", "HOME": str(home), "COLUMNS": "200"},
        )
        os.close(slave)

    def type(self, text: str) -> None:
        self.seen = ""
        os.write(self.master, text.encode())

    def expect(self, text: str) -> None:
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{text!r} was not shown in {self.seen!r}"
            self.seen += os.read(self.master, 65536).decode("utf-8", "replace")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.mark.parametrize("shell", SHELLS)
def test_tab(place: Scenario, packages: Callable[..., None], shell: str) -> None:
    if shutil.which(shell) is None:
        packages(shell)
    place.script("web", "exec sleep infinity")
    place.script("web2", "exec sleep infinity")
    place.script("lonely one", "exec sleep infinity")
    place.script("db@blue", "exec sleep infinity")
    place.up()
    argv, load = SHELLS[shell]
    typist = Typist(argv, place.environment, place.base)
    try:
        # The marks are put together by the shell, so that what is typed does not show them.
        typist.type(f"{load}; echo REA''DY\n")
        typist.expect("READY")
        for typed, name in (("lon", "lonely one"), ("db:b", "db:blue")):
            typist.type(f"stoker -C {place.directory} ls {typed}\t\n")
            typist.expect("RESTARTS")
            typist.expect(name)
            typist.type("echo DO''NE\n")
            typist.expect("DONE")
        typist.type("stoker re\t\t\t")
        typist.expect("reexec")
        typist.type(f"{CLEAR}echo DO''NE\n")
        typist.expect("DONE")
        typist.type(f"stoker -C {place.directory} stop we\t\t\t")
        typist.expect("web2")
    finally:
        typist.close()
