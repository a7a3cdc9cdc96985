"""supervisor: programs that count as started at once; its loop wakes each second by policy."""

from __future__ import annotations

import subprocess

from .base import Edges, Peer
from .shapes import Commanded

_HEAD = """[unix_http_server]
file={base}/socket
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{base}/socket
[supervisord]
nodaemon=true
logfile={base}/log
pidfile={base}/pid
minfds={descriptors}
childlogdir={base}
"""


class _Place(Commanded):
    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        text = _HEAD.format(base=self.base, descriptors=max(1024, 4 * count + 100))
        for name in self.names:
            text += f"[program:{name}]\ncommand={self.service.program}\nautorestart=true\n"
            text += "startsecs=0\nstdout_logfile=NONE\nstderr_logfile=NONE\n"
        (self.base / "conf").write_text(text)

    def start(self) -> None:
        self.launch(self.peer.program("supervisord"), "-c", str(self.base / "conf"))

    def command(self, *words: str) -> list[str]:
        return [self.peer.program("supervisorctl"), "-c", str(self.base / "conf"), *words]

    def stop(self) -> None:
        self.launched[0].terminate()
        self.launched[0].wait(300)


class Supervisor(Peer):
    """supervisor, of PyPI or Debian."""

    name = "supervisor"
    most = 1000
    bound = "of 5,000 it had started none after 180 s"
    waits = 1.0
    slow = True
    place = _Place

    def version(self) -> str:
        words = [self.program("supervisord"), "--version"]
        return subprocess.run(words, capture_output=True, text=True).stdout.strip()
