"""S18: the power fails between any two writes of the repository. Whatever had reached the disk by
then, it opens cleanly and has every choice that was acknowledged.

The writing program runs under strace(1); its directory is then built again as it may have been
found at each boundary: with everything written, with only what was synced, and with some of what
was not.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import stoker
from stoker.repository import Repository

CHOICES = 12
PROGRAM = """
import os, sys
sys.path[:0] = sys.argv[1].split(":")
from stoker.repository import Repository
one = Repository(sys.argv[2])
for number in range(int(sys.argv[3])):
    choice = {"enabled": False, "by": "root", "when": number, "why": "x" * 500, "until": None}
    one.save([(f"svc:/web{number}:default", choice)])
    os.write(1, b"saved %d" % number)
    if number == 7:
        one.close()
        one = Repository(sys.argv[2])
one.close()
"""
CALLS = (
    "openat,open,creat,dup,close,write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,"
    "renameat2,unlink,unlinkat"
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
        if name == "write" and fd == 1 and texts[0].startswith(b"saved "):
            self.acknowledged = int(texts[0].split()[1])
            return True
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


def trace(tmp_path: Path) -> list[str]:
    """The calls of the program that saves."""
    import msgspec

    paths = {str(Path(module.__file__ or "").parents[1]) for module in (stoker, msgspec)}
    directory, log = tmp_path / "state", tmp_path / "calls"
    directory.mkdir()
    subprocess.run(
        [
            *("strace", "-f", "-o", str(log), "-xx", "-s", "1000000", "-e", f"trace={CALLS}"),
            *(sys.executable, "-I", "-S", "-c", PROGRAM, ":".join(paths)),
            *(str(directory / "repository.db"), str(CHOICES)),
        ],
        check=True,
        timeout=100,
        stdout=subprocess.DEVNULL,
    )
    return log.read_text().splitlines()


@pytest.mark.skipif(not traced(), reason="needs strace(1), and leave to trace")
def test_every_acknowledged_choice_is_there(tmp_path: Path) -> None:
    disk = Disk(str(tmp_path / "state"))
    dice = random.Random(1)
    boundaries = 0
    for line in trace(tmp_path):
        found = CALL.match(line)
        if found is None or not disk.call(found[1], found[2], int(found[3])):
            continue
        boundaries += 1
        for choose in (True, False, dice):
            path = disk.build(tmp_path / "found", choose)
            one = Repository(str(path))
            intents = one.intents()
            notices = one.notices
            one.close()
            known = {int(fmri[8:].partition(":")[0]) for fmri in intents}
            assert known >= set(range(disk.acknowledged + 1)), (line[:100], known, notices)
            assert all(len(intent["why"]) == 500 for intent in intents.values())
    print(f"\n{boundaries} boundaries, each found in three ways")
    assert disk.acknowledged == CHOICES - 1
    assert boundaries > 3 * CHOICES
