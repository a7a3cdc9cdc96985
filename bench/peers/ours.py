"""stoker: the services are executables in a directory, or TOML where they depend on each other."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .. import proc
from .base import Absent, Edges, Peer, name_of
from .shapes import Commanded

__all__ = ["Stoker", "StokerPlace"]


class StokerPlace(Commanded):
    """A project of ours, with a manager of its own."""

    listing = ("ls",)

    @property
    def services(self) -> Path:
        """The directory of definitions."""
        return self.base / "services"

    @property
    def runtime(self) -> Path:
        """The runtime directory."""
        return self.base / "run"

    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        self.environment["STOKER_RUNTIME_DIR"] = str(self.runtime)
        words = self.argument(edges, "notify")
        self.services.mkdir()
        for number in range(count):
            path = self.services / name_of(number)
            if edges is None:
                self.service.put(path)
                continue
            command = ", ".join(f'"{word}"' for word in [str(self.service.program), *words])
            text = f"exec_start = [{command}]\n[ready]\nnotify = true\n"
            before = edges.get(number, ())
            if before:
                targets = ", ".join(f'"{name_of(one)}"' for one in before)
                text += f"[[dependency]]\ntargets = [{targets}]\n"
            path.with_suffix(".toml").write_text(text)

    def command(self, *words: str) -> list[str]:
        """A stoker command for this place."""
        program = Path(sys.executable).with_name("stoker")
        return [str(program), "-C", str(self.services), *words]

    def start(self) -> None:
        program = Path(sys.executable).with_name("stoker")
        self.run(str(program), "up", "-d", str(self.services), timeout=600)

    def stop(self) -> None:
        self.run(*self.command("down"), timeout=600)

    def keeper(self) -> int:
        """The keeper's pid, 0 if there is none."""
        try:
            return int((self.runtime / "lock").read_text().split()[0])
        except (OSError, IndexError):
            return 0

    def managers(self) -> list[int]:
        keeper = self.keeper()
        if not keeper or not proc.alive(keeper):
            return []
        return [pid for pid in proc.below(keeper) if _ours(pid)]

    def reload(self, name: str) -> list[str]:
        path = self.services / name
        path.unlink()
        path.with_suffix(".toml").write_text(
            f'exec_start = ["{self.service.program}"]\ndescription = "another"\n'
        )
        return self.command("reload")


def _ours(pid: int) -> bool:
    try:
        program = os.readlink(f"/proc/{pid}/exe")
        return program.endswith("/process/spawner") or os.path.samefile(program, sys.executable)
    except OSError:
        return False


class Stoker(Peer):
    """Us."""

    name = "stoker"
    cgroups = True
    graphs = True
    place = StokerPlace

    def version(self) -> str:
        import stoker

        if not Path(sys.executable).with_name("stoker").exists():
            raise Absent("the stoker command is not beside this Python")
        from importlib.metadata import version

        from stoker.process.spawn import COMPILED

        how = "C" if os.access(COMPILED, os.X_OK) else "Python"
        return f"{version(stoker.__name__)}, spawner in {how}"
