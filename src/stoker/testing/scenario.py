"""A real manager over a scratch directory: services written, commands run, states waited for."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

__all__ = ["Deadline", "Result", "Scenario"]

PATIENCE = 60.0
"""Seconds that a wait may take unless told otherwise: long, because a loaded machine is no failure.
"""


class Deadline(AssertionError):
    """What was waited for did not come about in time. The message has the last that was seen."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended: its exit status, and what it printed."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        """The standard output, read as JSON."""
        return json.loads(self.out)

    def ok(self) -> Result:
        """Itself; raises AssertionError unless the status is 0."""
        return self.ended(0)

    def ended(self, status: int) -> Result:
        """Itself; raises AssertionError unless the command ended with `status`."""
        if self.status != status:
            raise AssertionError(
                f"ended with {self.status} instead of {status}\n--- out\n{self.out}\n"
                f"--- err\n{self.err}"
            )
        return self


class Scenario:
    """A project directory with a manager of its own. Use it as a context manager.

    >>> with Scenario() as place:
    ...     place.script("web", "exec sleep infinity")
    ...     place.up()
    ...     place.wait_for("web", "online")

    `directory` is where definitions are written; the runtime directory is a short one of its own,
    so that the socket's path never grows too long. At the end everything is taken down, and
    whatever is left of it is ended by pid.
    """

    def __init__(self, directory: Path | None = None, environment: Mapping[str, str] | None = None):
        self.base = Path(tempfile.mkdtemp(prefix="stoker-"))
        self.directory = directory or self.base / "services"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.runtime = self.base / "run"
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("STOKER_")
        }
        self.environment |= {"STOKER_RUNTIME_DIR": str(self.runtime), "NO_COLOR": "1"}
        self.environment |= environment or {}
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- definitions

    def toml(self, name: str, text: str) -> Path:
        """Write the definition NAME.toml."""
        path = self.directory / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def script(self, name: str, body: str) -> Path:
        """Write the executable NAME, a shell script with this body.

        It is written by a child, so that no descriptor open for writing can be inherited by a
        process started meanwhile elsewhere in this program (execve would answer ETXTBSY).
        """
        path = self.directory / name
        text = f"#!/bin/sh\n{body}\n"
        subprocess.run(
            ["/bin/sh", "-c", 'cat > "$0.new" && chmod 755 "$0.new" && mv "$0.new" "$0"', path],
            input=text,
            text=True,
            check=True,
        )
        return path

    def file(self, name: str, text: str) -> Path:
        """Write a file beside the definitions' directory (not a definition)."""
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    # -- commands

    def command(self, *words: str) -> list[str]:
        """The argv that runs `stoker` for this place."""
        program = Path(sys.executable).with_name("stoker")
        return [sys.executable, str(program), "-C", str(self.directory), *words]

    def stoker(self, *words: str, timeout: float = PATIENCE, input: str | None = None) -> Result:
        """Run one command to its end. Raises Deadline when it takes longer than `timeout`
        seconds."""
        try:
            done = subprocess.run(
                self.command(*words),
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=timeout,
                errors="surrogateescape",
                **({"input": input} if input is not None else {"stdin": subprocess.DEVNULL}),
            )
        except subprocess.TimeoutExpired as late:
            raise Deadline(
                f"stoker {' '.join(words)}: not ended after {timeout} s\n"
                f"{late.stdout!r} {late.stderr!r}\n"
                f"{self.manager_log()}"
            ) from None
        return Result(done.returncode, done.stdout, done.stderr)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a command and return it running, with pipes on its output; it is ended with the
        scenario.
        """
        process = subprocess.Popen(
            self.command(*words),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def up(self, *words: str, status: int = 0, timeout: float = PATIENCE) -> Result:
        """`stoker up -d`: returns when settled; raises unless it ends with `status`."""
        return self.stoker("up", "-d", *words, str(self.directory), timeout=timeout).ended(status)

    def down(self, timeout: float = PATIENCE) -> Result:
        """`stoker down`; raises unless it ends with 0."""
        return self.stoker("down", timeout=timeout).ok()

    # -- looking

    def instances(self) -> dict[str, dict[str, Any]]:
        """All instances as `stoker ls --json` tells them, by name."""
        rows = self.stoker("ls", "--json").ok().json()["instances"]
        return {row["name"]: row for row in rows}

    def instance(self, name: str) -> dict[str, Any]:
        """One instance by the name that people see."""
        return self.instances()[name]

    def pid(self, name: str) -> int:
        """The main process of an instance; raises AssertionError when there is none."""
        pid = self.instance(name)["pid"]
        if not isinstance(pid, int):
            raise AssertionError(f"{name} has no process: {self.instance(name)}")
        return pid

    def keeper(self) -> int:
        """The keeper's pid, from its lock file."""
        # Its successor writes the file anew: for a moment there is nothing in it.
        lock = self.runtime / "lock"
        words: list[str] = self.until(lambda: lock.read_text().split(), "the keeper's pid", 10)
        return int(words[0])

    def manager(self) -> int:
        """The manager's pid, as it tells it itself."""
        return int(self.stoker("status", "--json").ok().json()["manager"]["pid"])

    def manager_log(self) -> str:
        """What keeper, manager and recorder wrote; for messages of failed tests."""
        texts = [path.read_text(errors="replace") for path in self.base.rglob("stoker.log")]
        return "\n".join(texts)[-4000:]

    # -- waiting

    def until(self, look: Callable[[], object], what: str = "", timeout: float = PATIENCE) -> Any:
        """Wait until `look()` is true, and return what it said. Looks again a little later each
        time.

        Raises Deadline after `timeout` seconds, with the last answer.
        """
        end = time.monotonic() + timeout
        pause, seen = 0.01, None
        while time.monotonic() < end:
            seen = look()
            if seen:
                return seen
            select.select([], [], [], pause)
            pause = min(pause * 1.5, 0.25)
        raise Deadline(
            f"{what or look}: not so after {timeout} s; last seen {seen!r}\n{self.manager_log()}"
        )

    def wait_for(self, name: str, state: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait until the instance is in `state` with no transition under way, and return its
        row."""

        def look() -> dict[str, Any] | None:
            row = self.instances().get(name)
            good = row is not None and row["state"] == state and row["next_state"] is None
            return row if good else None

        found: dict[str, Any] = self.until(look, f"{name} {state}", timeout)
        return found

    def gone(self, pid: int, timeout: float = PATIENCE) -> None:
        """Wait until a process has ended (a zombie has)."""
        self.until(lambda: not alive(pid), f"process {pid} gone", timeout)

    # -- the end

    def close(self) -> None:
        """Take everything down, then remove every file. What does not go by itself is ended by
        pid."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        try:
            self._take_down()
        finally:
            self._sweep()
            shutil.rmtree(self.base, ignore_errors=True)

    def _take_down(self) -> None:
        if not (self.runtime / "lock").exists():
            return
        try:
            keeper = self.keeper()
        except (OSError, ValueError, Deadline):
            return
        if not alive(keeper) or not self._ours(keeper):
            return
        with contextlib.suppress(Deadline):
            self.stoker("down", "--timeout", "20s", timeout=40)
        if alive(keeper):
            for pid in [*reversed(list(descendants(keeper))), keeper]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _sweep(self) -> None:
        """End what outlived its manager, as tests that kill one mean it to: by the place's own
        cgroup, and by the marker in the environment.
        """
        mark = hashlib.blake2b(os.fsencode(self.runtime), digest_size=6).hexdigest()
        for pid in _marked(f"STOKER_CONTRACT={mark}/"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for tree in _cgroups(f"stoker-{mark}"):
            with contextlib.suppress(OSError):
                (tree / "cgroup.kill").write_text("1")
            with contextlib.suppress(Deadline):
                self.until(partial(_removed, tree), f"{tree} removed", timeout=10)

    def _ours(self, keeper: int) -> bool:
        try:
            words = Path(f"/proc/{keeper}/cmdline").read_bytes()
        except OSError:
            return False
        return os.fsencode(self.runtime) in words


def alive(pid: int) -> bool:
    """True while a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[0] not in (b"Z", b"X")


def _marked(marker: str) -> Iterator[int]:
    """Processes that have the marker in their environment."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if marker.encode() in (entry / "environ").read_bytes():
                yield int(entry.name)


def _cgroups(name: str) -> Iterator[Path]:
    """Directories of that name where a place may have made its cgroup: see cgroups(7)."""
    own = Path("/proc/self/cgroup").read_text().splitlines()
    for line in Path("/proc/self/mounts").read_text().splitlines():
        words = line.split()
        if words[2] == "cgroup2":
            below = [one[3:].lstrip("/") for one in own if one.startswith("0::")]
            for path in {Path(words[1]) / part / name for part in ["", *below]}:
                if path.is_dir():
                    yield path


def _removed(tree: Path) -> bool:
    """Remove a cgroup and those below it, deepest first; False while processes are there."""
    folders = [Path(root) for root, _dirs, _files in os.walk(tree, topdown=False)]
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return not tree.exists()
    return True


def descendants(pid: int) -> Iterator[int]:
    """The processes below one, parents first."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from descendants(child)
