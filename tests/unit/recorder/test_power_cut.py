"""S18: the power fails between any two writes of the recorder. Whatever had reached the disk by
then, repository and history open cleanly, and every choice that was acknowledged is there.

The recorder runs under strace(1), with choices, runs, changes of state and output to deal with; it
is killed in the middle, and its successor goes on. Its state directory is then built again as it
may have been found at each boundary: with everything written, with only what was synced, and with
some of what was not. A choice counts from the call that sends its acknowledgement.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for recorder_place

from recorder_place import Recorder, until

from stoker.repository import History, Repository

CHOICES = 8
WEB = "svc:/web:default"
CALLS = (
    "openat,open,creat,close,write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,"
    "unlink,unlinkat,sendto,sendmsg"
)
CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def traced() -> bool:
    """Whether strace is there and may trace."""
    strace = shutil.which("strace")
    return bool(strace) and not subprocess.run([strace, "true"], capture_output=True).returncode


@dataclass
class File:
    """What was written to a file: offset and data in order; data None: cut there."""

    acts: list[tuple[int, bytes | None]] = field(default_factory=list)
    synced: int = 0

    def content(self, chosen: list[bool]) -> bytes:
        """What it holds when of the acts since the last sync those chosen reached the disk."""
        data = bytearray()
        for number, (at, piece) in enumerate(self.acts):
            if number >= self.synced and not chosen[number - self.synced]:
                continue
            if piece is None:
                del data[at:]
                continue
            data.extend(bytes(max(0, at - len(data))))
            data[at : at + len(piece)] = piece
        return bytes(data)


class Disk:
    """A directory as the traced calls made it."""

    def __init__(self, below: str) -> None:
        self.below = below
        self.names: dict[str, File] = {}
        self.fds: dict[int, File] = {}
        self.acknowledged = -1

    def call(self, name: str, words: str, result: int) -> bool:
        """Take one call; True when it changed something."""
        texts = [bytes.fromhex(one.replace("\\x", "")) for one in TEXT.findall(words)]
        if result < 0:
            return False
        if name in ("sendto", "sendmsg"):
            return self._sent(texts[-1] if name == "sendmsg" else texts[0])
        if name in ("openat", "open", "creat"):
            return self._open(os.fsdecode(texts[0]), words, result)
        if name.startswith("rename"):
            source, target = map(os.fsdecode, texts[:2])
            if source in self.names:
                self.names[target] = self.names.pop(source)
                return True
            return False
        if name.startswith("unlink"):
            return self.names.pop(os.fsdecode(texts[0]), None) is not None
        return self._on(int(words.split(",")[0]), name, words, texts, result)

    def _sent(self, data: bytes) -> bool:
        """A message to the manager."""
        if not data.startswith(b'["saved"'):
            return False
        self.acknowledged = max(self.acknowledged, int(json.loads(data)[1]))
        return True

    def _open(self, path: str, words: str, fd: int) -> bool:
        self.fds.pop(fd, None)
        if not path.startswith(self.below) or path.endswith("-shm") or "O_DIRECTORY" in words:
            return False
        new = path not in self.names
        if new and "O_CREAT" not in words:
            return False
        self.fds[fd] = self.names.setdefault(path, File())
        if "O_TRUNC" in words:
            self.fds[fd].acts.append((0, None))
        return new

    def _on(self, fd: int, name: str, words: str, texts: list[bytes], result: int) -> bool:
        file = self.fds.get(fd)
        if name == "close":
            self.fds.pop(fd, None)
        if file is None:
            return False
        if name == "pwrite64":
            file.acts.append((int(words.rsplit(",", 1)[1]), texts[0][:result]))
        elif name == "ftruncate":
            file.acts.append((int(words.rsplit(",", 1)[1]), None))
        elif name in ("fsync", "fdatasync"):
            file.synced = len(file.acts)
        else:
            assert name != "write", "a file of the repository is written without an offset"
            return False
        return True

    def build(self, target: Path, choose: random.Random | bool) -> Path:
        """The directory as it may be found now; the path of the repository in it."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for path, file in self.names.items():
            count = len(file.acts) - file.synced
            if isinstance(choose, bool):
                chosen = [choose] * count
            else:
                chosen = [choose.random() < 0.5 for _ in range(count)]
            (target / os.path.basename(path)).write_bytes(file.content(chosen))
        return target / "repository.db"


def traced_recorder(place: Recorder, log: Path) -> None:
    """Start it under strace, which is its child: so the process that we see is the recorder."""
    strace = ("strace", "-D", "-o", str(log), "-xx", "-s", "1000000", "-e", f"trace={CALLS}")
    place.start(before=strace)


def work(place: Recorder, numbers: range) -> None:
    """Choices, each waited for, among what else comes to a recorder."""
    for number in numbers:
        place.tell("run", WEB, number, "begin", time.time_ns(), 100 + number, None)
        os.write(place.sinks[WEB], b"said by %d\n" % number)
        choice = {"enabled": False, "by": "root", "when": number, "why": "x" * 500, "until": None}
        place.tell("save", number, f"svc:/web{number}:default", choice)
        row = [time.time_ns(), WEB, "offline", "online", "restart", "why", number, "note"]
        place.tell("history", [row])
        assert place.hear("saved")[1] == number
        place.tell("run", WEB, number, "end", time.time_ns(), 0, 7)


def ended(log: Path) -> list[str]:
    """The calls of a recorder that has ended; the tracer writes the last of them after that."""
    until(lambda: "+++ " in log.read_text(), "the tracer's last line")
    return log.read_text().splitlines()


def trace(tmp_path: Path) -> list[list[str]]:
    """The calls of a recorder that is killed, and of the one after it, which ends in order."""
    logs = [tmp_path / "first", tmp_path / "second"]
    with Recorder(tmp_path) as place:
        traced_recorder(place, logs[0])
        place.tell("hello", 1)
        place.pipe(WEB)
        work(place, range(CHOICES // 2))
        assert place.process is not None
        place.process.kill()
        place.died()
        traced_recorder(place, logs[1])
        work(place, range(CHOICES // 2, CHOICES))
        assert place.stop() == 0
    return [ended(log) for log in logs]


@pytest.mark.timeout(600)
@pytest.mark.skipif(not traced(), reason="needs strace(1), and leave to trace")
def test_every_acknowledged_choice_is_there(tmp_path: Path) -> None:
    disk = Disk(str(tmp_path / "state"))
    dice = random.Random(1)
    boundaries = 0
    for lines in trace(tmp_path):
        disk.fds.clear()
        for line in lines:
            found = CALL.match(line)
            if found is None or not disk.call(found[1], found[2], int(found[3])):
                continue
            boundaries += 1
            for choose in (True, False, dice):
                look(disk.build(tmp_path / "found", choose), disk.acknowledged, line)
    print(f"\n{boundaries} boundaries, each found in three ways")
    assert disk.acknowledged == CHOICES - 1
    assert boundaries > 3 * CHOICES


def look(path: Path, acknowledged: int, line: str) -> None:
    """Open what was found, as the next recorder does."""
    one = Repository(str(path))
    intents, notices = one.intents(), one.notices
    one.close()
    known = {int(fmri[8:].partition(":")[0]) for fmri in intents}
    assert known >= set(range(acknowledged + 1)), (line[:100], known, notices)
    assert all(len(intent["why"]) == 500 for intent in intents.values())
    history = History(str(path.with_name("history.db")), "life")
    assert not history.notices, (line[:100], history.notices)
    history.close()
