"""pm2: an ecosystem file, in a home of its own."""

from __future__ import annotations

import json
import subprocess

from .. import proc
from .base import Edges, Peer
from .shapes import Commanded


class _Place(Commanded):
    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        self.environment |= {"PM2_HOME": str(self.base / "pm2"), "HOME": str(self.base)}
        common = {"script": str(self.service.program), "interpreter": "none", "autorestart": True}
        common |= {"exec_mode": "fork", "out_file": "/dev/null", "error_file": "/dev/null"}
        rows = [{"name": name, **common} for name in self.names]
        (self.base / "ecosystem.json").write_text(json.dumps({"apps": rows}))

    def command(self, *words: str) -> list[str]:
        return [self.peer.program("pm2"), "--silent", *words]

    def start(self) -> None:
        self.run(*self.command("start", str(self.base / "ecosystem.json")), timeout=600)

    def stop(self) -> None:
        self.run(*self.command("kill"), timeout=600)

    def managers(self) -> list[int]:
        try:
            pid = int((self.base / "pm2/pm2.pid").read_text())
        except (OSError, ValueError):
            return []
        return [pid] if proc.alive(pid) else []

    def status_one(self, name: str) -> list[str]:
        return [self.peer.program("pm2"), "describe", name]

    def status_all(self) -> list[str]:
        return [self.peer.program("pm2"), "list"]


class Pm2(Peer):
    """pm2, of npm."""

    name = "pm2"
    slow = True
    place = _Place

    def version(self) -> str:
        path = self.tools.directory / "npm/node_modules/pm2/package.json"
        if path.exists():
            self.program("pm2")
            return str(json.loads(path.read_text())["version"])
        words = [self.program("pm2"), "--version"]
        done = subprocess.run(words, capture_output=True, text=True, env=self.tools.environment())
        return done.stdout.strip().splitlines()[-1]
