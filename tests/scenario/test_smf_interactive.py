"""svccfg at a terminal: prompt, completion, history, and mistakes that do not end it."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator

import pytest
from smf_host import SLEEP

from stoker.testing import Scenario

readline = pytest.importorskip("readline")
pytestmark = pytest.mark.skipif(
    "libedit" in (readline.__doc__ or ""), reason="completion is bound in GNU readline's words"
)


class Terminal:
    """A command at a terminal of its own."""

    def __init__(self, place: Scenario, *words: str) -> None:
        self.master, inner = pty.openpty()
        environment = place.environment | {"TERM": "dumb", "INPUTRC": "/dev/null"}
        self.process = subprocess.Popen(
            [*place.command()[:2], *words], stdin=inner, stdout=inner, stderr=inner,
            env=environment, cwd=place.directory, start_new_session=True,
        )  # fmt: skip
        os.close(inner)
        self.seen = ""

    def read(self, until: str, seconds: float = 60.0) -> str:
        """What it prints up to and with these words."""
        end = time.monotonic() + seconds
        while until not in self.seen:
            left = end - time.monotonic()
            assert left > 0, f"{until!r} did not come: {self.seen!r}"
            if select.select([self.master], [], [], left)[0]:
                try:
                    data = os.read(self.master, 4096)
                except OSError:  # the other end is closed (pty(7))
                    data = b""
                assert data, f"ended before {until!r}: {self.seen!r}"
                self.seen += data.decode()
        found, _, self.seen = self.seen.partition(until)
        return found

    def write(self, text: str) -> None:
        os.write(self.master, text.encode())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.master)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def terminal(place: Scenario) -> Iterator[Terminal]:
    place.toml("web", f'id = "site/web"\n{SLEEP}')
    place.up()
    made = Terminal(place, "svccfg")
    yield made
    made.close()


def test_a_conversation(terminal: Terminal) -> None:
    terminal.read("svc:> ")
    terminal.write("nonsense\n")
    assert "there is no command nonsense" in terminal.read("svc:> ")
    # A tabulator completes a command, and the name of an instance.
    terminal.write("unsel\t")
    terminal.read("unselect ")
    terminal.write("\n")
    terminal.read("svc:> ")
    terminal.write("select site/web:d\t")
    terminal.read("site/web:default ")
    terminal.write("\n")
    terminal.read("site/web:default> ")
    terminal.write("listpg general\n")
    assert "framework" in terminal.read("site/web:default> ")
    # The line before, and the one before that, come back.
    terminal.write("\x10\x10")
    terminal.read("select site/web:default")
    terminal.write("\n")
    terminal.read("site/web:default> ")
    terminal.write("end\n")
    assert terminal.process.wait(60) == 0
