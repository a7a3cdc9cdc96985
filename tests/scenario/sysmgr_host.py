"""sysmgr on a scratch SYSDIR and RUNDIR, for the tests named after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from stoker.testing import Result, Scenario
from stoker.testing.scenario import alive as living

__all__ = ["PATIENCE", "SLEEP", "Host", "living", "serving"]

PATIENCE = 60.0
SLEEP = "exec sleep 1000"
"""The body of a script that only runs."""


@contextmanager
def serving() -> Iterator[Host]:
    """One that runs, on a place of its own."""
    with Scenario() as place, Host(place) as host:
        host.start()
        yield host


class Host:
    """`place` has the scripts; `runs` is RUNDIR. `variables` are added to sysmgr's environment. It
    ends what a failed test has left, as a context manager.
    """

    def __init__(self, place: Scenario) -> None:
        self.place = place
        self.services = place.directory
        self.runs = place.base / "published"
        self.variables: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    @property
    def environment(self) -> dict[str, str]:
        ours = {"SYSDIR": str(self.services), "RUNDIR": str(self.runs)}
        return {**self.place.environment, **ours, **self.variables}

    def command(self, name: str, *words: str) -> list[str]:
        """The argv of one of the four commands."""
        return [sys.executable, str(Path(sys.executable).with_name("stoker")), name, *words]

    def run(self, name: str, *words: str) -> Result:
        """Run a command to its end."""
        done = subprocess.run(
            self.command(name, *words),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self) -> subprocess.Popen[bytes]:
        """Start sysmgr, and wait until it serves."""
        log = self.place.base / "sysmgr.err"
        with log.open("wb") as err:
            self._process = subprocess.Popen(
                self.command("sysmgr"),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=err,
                stderr=err,
                start_new_session=True,
            )
        process = self._process
        self.place.until(
            lambda: self.number("pid") == process.pid or process.poll() is not None,
            "sysmgr serves",
        )
        assert process.poll() is None, log.read_text()
        return process

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal sysmgr; its exit status."""
        process = self._process
        assert process is not None
        process.send_signal(number)
        status = process.wait(PATIENCE)
        self._process = None
        return status

    # -- RUNDIR, as `cat` and `ls` show it

    def number(self, path: str) -> int:
        """The number in a file of RUNDIR; 0 when there is none."""
        try:
            word = (self.runs / path).read_text()
        except OSError:
            return 0
        return int(word) if word.endswith("\n") else 0

    def files(self, name: str) -> list[str]:
        """What there is of a service; [] when there is nothing."""
        try:
            return sorted(os.listdir(self.runs / name))
        except FileNotFoundError:
            return []

    def up(self, name: str, other_than: int = 0) -> int:
        """Wait until a service is shown as up, with another process than that; its pid."""

        def look() -> int:
            pid = self.number(f"{name}/pid") if self.files(name) == ["pid", "syspid"] else 0
            return pid if pid not in (0, other_than) and living(pid) else 0

        pid = self.place.until(look, f"{name} is up")
        assert isinstance(pid, int)
        return pid

    def locked(self, name: str) -> int:
        """Wait until a service has a lock alone; the number in it."""
        self.place.until(lambda: self.files(name) == ["lock"], f"{name} is locked")
        return int((self.runs / name / "lock").read_text())

    def kill(self, name: str, number: int = signal.SIGTERM) -> None:
        """`kill -NUMBER $(cat RUNDIR/NAME/syspid)`."""
        os.kill(self.number(f"{name}/syspid"), number)

    def remove(self, name: str) -> None:
        """`rm -r RUNDIR/NAME`, by that very program. Its status is not looked at: where it is held
        up between the last file and the directory, NAME may be shown again before it is gone.
        """
        subprocess.run(
            ["rm", "-r", str(self.runs / name)], stderr=subprocess.DEVNULL, timeout=PATIENCE
        )
