"""A machine that QEMU emulates: its serial lines, its keyboard and power button, and its end.

Every wait has a deadline; one that runs out says what the console showed last.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

__all__ = ["DEADLINE", "Line", "Machine", "qemu"]

DEADLINE = 400.0  # seconds: an emulated machine on a loaded one
QEMU = "qemu-system-x86_64"
_PDEATHSIG = 1  # prctl(2)
# What is emulated is slow in other ways than what is not: by a processor that can less, and without
# what the kernel does for safety and to try itself, all is up after 30 s instead of 42.
_CPU, _WHOLE_CPU = "Nehalem", "max"
_SPARED = (
    "mitigations=off init_on_alloc=0 hardened_usercopy=off cryptomgr.notests apparmor=0 audit=0"
)
_libc = ctypes.CDLL(None)


def qemu() -> str:
    """The emulator. Skips the test where there is none."""
    found = shutil.which(QEMU)
    if found is None:
        pytest.skip(f"there is no {QEMU} here (Debian: qemu-system-x86)")
    return found


class Stream:
    """A socket that somebody always reads, so that the guest never waits for us."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + DEADLINE
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError:  # QEMU is not that far
                assert time.monotonic() < end, f"{path} was never there"
                time.sleep(0.02)
        self.changed = threading.Condition()
        self.seen = bytearray()
        self.over = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = self.socket.recv(65536)
            except OSError:  # closed here, or QEMU is gone
                data = b""
            with self.changed:
                self.seen += data
                self.over = not data
                self.changed.notify_all()
            if not data:
                return

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.reader.join(DEADLINE)
        self.socket.close()


class Line(Stream):
    """A serial line. What was waited for is behind us: the next wait looks only at what follows."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.at = 0

    @property
    def text(self) -> str:
        """All that came, without the escapes of terminals."""
        return _plain(self.seen)

    def wait(self, pattern: str, seconds: float = DEADLINE) -> re.Match[bytes]:
        """Until something comes that matches. Raises AssertionError when time is over."""
        wanted = re.compile(pattern.encode())
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                found = wanted.search(self.seen, self.at)
                if found:
                    self.at = found.end()
                    return found
                left = end - time.monotonic()
                if self.over or left <= 0:
                    why = "the line is dead" if self.over else f"not in {seconds:g} s"
                    raise AssertionError(
                        f"{pattern!r} did not come ({why}); the last that came:\n"
                        + _plain(self.seen[-6000:])
                    )
                self.changed.wait(left)

    def send(self, text: str) -> None:
        """Type something."""
        self.socket.sendall(text.encode())


def _plain(data: bytes | bytearray) -> str:
    text = data.decode("utf-8", "replace").replace("\r", "")
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


class Machine:
    """One machine, from power on until it is gone; leave it as a context manager.

    `console` is ttyS0, `line` ttyS1. `initrd` and `disks` are files, the disks nvme0n1, nvme0n2 and
    so on; they are never changed on `keep=False`, so that one image serves many tests. With `once`
    it is gone when it would begin anew. `plain`: a kernel that is told nothing but what is needed,
    and all that can be emulated of a processor; else both do less, and so are faster.
    """

    def __init__(
        self,
        kernel: Path,
        *,
        initrd: Path | None = None,
        disks: Sequence[Path] = (),
        append: str = "",
        memory: int = 512,
        processors: int = 1,
        keep: bool = False,
        once: bool = False,
        plain: bool = False,
        extra: tuple[str, ...] = (),
    ) -> None:
        words = f"console=ttyS0 panic=-1 quiet {'' if plain else _SPARED} {append}".strip()
        cpu = _WHOLE_CPU if plain else _CPU
        self.folder = Path(tempfile.mkdtemp(prefix="vm-", dir="/tmp"))  # short, for sockets
        argv = [qemu(), "-accel", "tcg", "-cpu", cpu, "-machine", "q35", "-m", str(memory)]
        argv += ["-smp", str(processors), "-nodefaults", "-no-user-config", "-display", "none"]
        argv += ["-vga", "none", "-kernel", str(kernel), "-append", words, "-S"]
        argv += ["-action", f"reboot={'shutdown' if once else 'reset'}"]
        if initrd is not None:
            argv += ["-initrd", str(initrd)]
        if disks:  # all of one controller: several would be numbered as they happen to answer
            argv += ["-device", "nvme,id=nvme,serial=t"]
        for number, disk in enumerate(disks, 1):
            snapshot = "off" if keep else "on"
            drive = f"file={disk},if=none,id=d{number},format=raw,snapshot={snapshot},cache=unsafe"
            argv += ["-drive", drive, "-device", f"nvme-ns,drive=d{number},bus=nvme,nsid={number}"]
        for name in ("s0", "s1"):
            argv += ["-serial", f"unix:{self.folder / name},server=on,wait=off"]
        argv += ["-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off", *extra]
        self.process: subprocess.Popen[bytes] | None = None
        self.streams: list[Stream] = []
        self.number = 0  # of the last command that the agent was given
        try:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=(self.folder / "out").open("wb"),
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: _libc.prctl(_PDEATHSIG, signal.SIGKILL),
            )
            self.console, self.line = (self._line(name) for name in ("s0", "s1"))
            self.monitor = Stream(self.folder / "qmp")
            self.streams.append(self.monitor)
            self._until(lambda: any("QMP" in one for one in self._said()), "QMP")
            self.tell("qmp_capabilities")
        except BaseException:
            self.close()
            raise

    def _line(self, name: str) -> Line:
        made = Line(self.folder / name)
        self.streams.append(made)
        return made

    def __enter__(self) -> Machine:
        self.started = time.monotonic()
        self.tell("cont")
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Pull the plug, if it is still in."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
        for stream in self.streams:
            stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- the monitor (QEMU Machine Protocol)

    def tell(self, command: str, **arguments: Any) -> Any:
        """Run a command of QEMU's; returns its answer. Raises AssertionError when it refuses."""
        before = len(self._answers())
        text = json.dumps({"execute": command, "arguments": arguments})
        self.monitor.socket.sendall(text.encode() + b"\n")
        self._until(lambda: len(self._answers()) > before, f"an answer to {command}")
        answer = self._answers()[before]
        assert "return" in answer, f"{command}: {answer}"
        return answer["return"]

    def press(self, *keys: str) -> None:
        """Press these keys together."""
        self.tell("send-key", keys=[{"type": "qcode", "data": key} for key in keys])

    def power_button(self) -> None:
        """Press it shortly (ACPI)."""
        self.tell("system_powerdown")

    def wait_end(self, reason: str, seconds: float = DEADLINE) -> None:
        """Until the machine ended itself: "guest-shutdown" (off) or "guest-reset" (again).

        A panic is a reset too: so the console is looked at.
        """
        self._until(lambda: reason in self.endings(), f"the end ({reason})", seconds)
        assert "Kernel panic" not in self.console.text, self.console.text[-6000:]

    def wait_gone(self, reason: str = "guest-shutdown", seconds: float = DEADLINE) -> None:
        """Until the machine is off, and QEMU with it."""
        assert self.process is not None
        self.wait_end(reason, seconds)
        assert self.process.wait(seconds) == 0

    def endings(self) -> list[str]:
        """Why it ended or began again, each time."""
        told = [one for one in self._said() if one.get("event") in ("SHUTDOWN", "RESET")]
        return [one["data"]["reason"] for one in told]

    def _answers(self) -> list[dict[str, Any]]:
        return [one for one in self._said() if "return" in one or "error" in one]

    def _said(self) -> list[dict[str, Any]]:
        lines = bytes(self.monitor.seen).split(b"\n")[:-1]
        return [json.loads(line) for line in lines if line.strip()]

    def _until(self, so: Any, what: str, seconds: float = DEADLINE) -> None:
        end = time.monotonic() + seconds
        stream = self.monitor
        with stream.changed:
            while not so():
                left = end - time.monotonic()
                if stream.over or left <= 0:
                    out = (self.folder / "out").read_text(errors="replace")
                    raise AssertionError(
                        f"{what} did not come; QEMU said:\n{out}\nthe console:\n"
                        + (self.console.text[-6000:] if len(self.streams) > 1 else "")
                    )
                stream.changed.wait(left)

    # -- a guest that runs our agent on the second line

    def wait_agent(self, seconds: float = DEADLINE) -> None:
        """Until the agent of a machine that has just begun listens."""
        self.line.wait('"agent": "listens"', seconds)

    def run(self, *argv: str, seconds: float = DEADLINE) -> Answer:
        """Have the agent (`agent.py`) in the guest run a command."""
        self.ask(*argv)
        found = self.line.wait(rf'\{{"number": {self.number}, [^\n]*\n', seconds)
        told = json.loads(found[0])
        return Answer(argv, told["status"], told["output"])

    def ask(self, *argv: str) -> None:
        """The same of a command that ends the machine, and the agent perhaps before it answers."""
        self.number += 1
        self.line.send(json.dumps([self.number, list(argv)]) + "\n")

    def until(self, *argv: str, shows: str, seconds: float = DEADLINE) -> Answer:
        """Have a command run again and again, until its output has something that matches."""
        end = time.monotonic() + seconds
        while True:
            answer = self.run(*argv)
            if re.search(shows, answer.output):
                return answer
            assert time.monotonic() < end, f"{argv}: no {shows!r} in\n{answer.output}"
            time.sleep(0.2)


class Answer:
    """What a command in the guest came to."""

    def __init__(self, argv: tuple[str, ...], status: int, output: str) -> None:
        self.argv, self.status, self.output = argv, status, output

    def ok(self) -> str:
        """The output. Raises AssertionError when the command failed."""
        assert self.status == 0, f"{' '.join(self.argv)}: status {self.status}\n{self.output}"
        return self.output
