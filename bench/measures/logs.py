"""Keeping output with a time on every line: our recorder beside s6-log, multilog and svlogd.

Each gets the same lines of 100 bytes through a pipe, in blocks of 4 KB or line by line, stamps them
and rotates at 10 MB, keeping ten files, not compressed. Own processor time is the logger's; what
writing costs the service itself is taken off.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..peers import Peer
from .scene import Scene

__all__ = ["Logs"]

SIZE, COUNT = 10_000_000, 10
LINE = b"x" * 99 + b"\n"

FEEDER = """
import os, resource, sys
size, kind, told = int(sys.argv[1]), sys.argv[2], sys.argv[3]
line = b"x" * 99 + b"\\n"
many = line * 1024
write = os.write
def whole(data):
    while data:
        data = data[write(1, data):]
if kind == "blocks":
    blocks = [many[at:at + 4096] for at in range(0, len(many), 4096)]
    for _ in range(size // len(many)):
        for block in blocks:
            whole(block)
else:
    for _ in range(size // 100):
        write(1, line)
used = resource.getrusage(resource.RUSAGE_SELF)
write(1, b"the end\\n")
with open(told + ".new", "w") as file:
    file.write(str(used.ru_utime + used.ru_stime))
os.rename(told + ".new", told)
"""


class Figures(NamedTuple):
    """Seconds: how long it took, processor time of the program, of the writer."""

    elapsed: float
    ours: float
    theirs: float


def feeder(megabytes: int, kind: str, told: Path) -> list[str]:
    """The command of the service."""
    return [sys.executable, "-I", "-S", "-c", FEEDER, str(megabytes * 1_000_000), kind, str(told)]


def through(command: list[str], megabytes: int, kind: str, base: Path) -> Figures:
    """The feeder's output into a logger that reads its standard input."""
    told = base / "told"
    begun = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    feed = subprocess.Popen(feeder(megabytes, kind, told), stdout=subprocess.PIPE)
    log = subprocess.Popen(command, stdin=feed.stdout, cwd=base, stderr=subprocess.DEVNULL)
    assert feed.stdout is not None
    feed.stdout.close()
    if feed.wait() != 0 or log.wait() != 0:
        raise SystemExit(f"{command[0]} ended with {log.returncode}, the feeder {feed.returncode}")
    elapsed = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    theirs = float(told.read_text())
    whole = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figures(elapsed, whole - theirs, theirs)


def ticks(pid: int) -> float:
    """Processor time of a process so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def recorder_of(runtime: Path) -> int:
    """The recorder's pid."""
    for line in (runtime / "keeper").read_text().splitlines():
        words = line.split()
        if words[0] == "recorder":
            return int(words[1])
    raise SystemExit("the keeper tells of no recorder")


def ends_with(path: Path, text: bytes) -> bool:
    """Whether the last line in a file ends so."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.stat(path).st_size - 100))
            return file.read().rstrip(b"\n").endswith(text)
    except FileNotFoundError:  # between two files
        return False


def stoker(megabytes: int, kind: str, base: Path) -> Figures:
    """The feeder as a service of a real place."""
    from stoker.testing import Scenario

    with Scenario() as place:
        told, go = base / "told", base / "go"
        program = place.file("feed.sh", f'while [ ! -e {go} ]; do sleep 0.01; done; exec "$@"\n')
        words = ["/bin/sh", str(program), *feeder(megabytes, kind, told)]
        text = ", ".join('"""' + word.replace("\\", "\\\\") + '"""' for word in words)
        place.toml(
            "feed",
            f"exec_start = [{text}]\n"
            '[restart]\nwhen = "never"\n'
            f"[log]\nsize = {SIZE}\ncount = {COUNT}\ncompress = false\n",
        )
        place.up()
        recorder = recorder_of(place.runtime)
        before, begun = ticks(recorder), time.monotonic()
        go.touch()
        current = place.directory / ".stoker/logs/feed/current"
        while not (told.exists() and ends_with(current, b"the end")):
            time.sleep(0.002)
        return Figures(time.monotonic() - begun, ticks(recorder) - before, float(told.read_text()))


class Logs(Scene):
    """`megabytes` of lines through each logger; `kind`: written in "blocks" or line by line."""

    rounds = 1

    def __init__(self, megabytes: int, kind: str) -> None:
        self.megabytes = megabytes
        self.kind = kind
        self.name = f"log {kind}"

    def suits(self, peer: Peer) -> bool:
        return peer.name in _LOGGERS

    def measure(self, peer: Peer) -> dict[str, float]:
        act, size = _LOGGERS[peer.name], self.megabytes
        with tempfile.TemporaryDirectory(prefix="sb-") as directory:
            base = Path(directory)
            (base / "log").mkdir()
            (base / "log" / "config").write_text(f"s{SIZE}\nn{COUNT}\n")
            if isinstance(act, list):
                act = [peer.program(act[0]), *act[1:]]
                one = through(act, size, self.kind, base)
            else:
                one = act(size, self.kind, base)
        what = f"log with times, written in {self.kind}"
        return {
            f"{what}: speed, MB/s": size / one.elapsed,
            f"{what}: own processor time, s/GB": one.ours / size * 1000,
            f"{what}: MB for each second of it, MB": size / max(one.ours, 0.01),
        }


_LOGGERS: dict[str, Callable[[int, str, Path], Figures] | list[str]] = {
    "stoker": stoker,
    "s6": ["s6-log", "-b", f"n{COUNT}", f"s{SIZE}", "T", "./log"],
    "daemontools": ["multilog", "t", f"n{COUNT}", f"s{SIZE}", "./log"],
    "runit": ["svlogd", "-tt", "./log"],
}
