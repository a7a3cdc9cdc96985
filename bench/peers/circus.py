"""circus: one watcher each; looks after its processes each second, by policy."""

from __future__ import annotations

import subprocess

from .base import Edges, Peer
from .shapes import Commanded


class _Place(Commanded):
    waiting = ("--waiting",)

    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        text = f"[circus]\nendpoint = ipc://{self.base}/e\npubsub_endpoint = ipc://{self.base}/p\n"
        text += "check_delay = 1\nwarmup_delay = 0\n"
        for name in self.names:
            text += f"[watcher:{name}]\ncmd = {self.service.program}\nnumprocesses = 1\n"
            text += "warmup_delay = 0\nmax_retry = -1\n"
        (self.base / "conf").write_text(text)

    def start(self) -> None:
        self.launch(self.peer.program("circusd"), str(self.base / "conf"))

    def command(self, *words: str) -> list[str]:
        program = self.peer.program("circusctl")
        return [program, "--timeout", "60", "--endpoint", f"ipc://{self.base}/e", *words]

    def stop(self) -> None:
        self.run(*self.command("quit"), timeout=120)


class Circus(Peer):
    """circus, of PyPI."""

    name = "circus"
    waits = 1.0
    slow = True
    place = _Place

    def version(self) -> str:
        words = [self.program("circusd"), "--version"]
        return subprocess.run(words, capture_output=True, text=True).stdout.strip()
