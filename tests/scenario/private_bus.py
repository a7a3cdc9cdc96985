"""A D-Bus of a test's own, and programs that it talks to by lines."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class Program:
    """A program that says one word a line."""

    def __init__(self, *argv: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, bufsize=0)
        self.said = b""

    def line(self, seconds: float = 60) -> str:
        assert self.process.stdout is not None
        while b"\n" not in self.said:
            ready, _, _ = select.select([self.process.stdout], [], [], seconds)
            data = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            assert data, f"it says nothing more: {self.process.poll()}"
            self.said += data
        line, _, self.said = self.said.partition(b"\n")
        return line.decode().strip()

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n".encode())

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def bus(directory: Path) -> Iterator[str]:
    socket = directory / "bus"
    file = directory / "bus.conf"
    file.write_text(CONFIGURATION.format(socket=socket))
    daemon = Program("dbus-daemon", f"--config-file={file}", "--nofork", "--print-address")
    try:
        yield daemon.line().partition(",")[0]
    finally:
        daemon.end()
