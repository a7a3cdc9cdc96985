"""dinit: restarts without delay or limit, smooth recovery; not in a cgroup each."""

from __future__ import annotations

import subprocess

from .base import Edges, Peer, name_of
from .shapes import Commanded


class _Place(Commanded):
    listing = ("list",)

    def prepare(self, count: int, edges: Edges | None = None) -> None:
        self.count = count
        services = self.base / "services"
        services.mkdir()
        words = " ".join([str(self.service.program), *self.argument(edges, "fd3")])
        for number in range(count):
            text = f"type = process\ncommand = {words}\nrestart = true\nsmooth-recovery = true\n"
            text += "restart-delay = 0\nrestart-limit-count = 0\n"
            if edges is not None:
                text += "ready-notification = pipefd:3\n"
                for one in edges.get(number, ()):
                    text += f"depends-on: {name_of(one)}\n"
            (services / name_of(number)).write_text(text)
        boot = "type = internal\n" + "".join(f"waits-for: {name}\n" for name in self.names)
        (services / "boot").write_text(boot)

    def start(self) -> None:
        words = ["-u", "-q", "-d", str(self.base / "services"), "-p", str(self.base / "socket")]
        self.launch(self.peer.program("dinit"), *words)

    def command(self, *words: str) -> list[str]:
        return [self.peer.program("dinitctl"), "-p", str(self.base / "socket"), *words]

    def stop(self) -> None:
        self.run(*self.command("shutdown"), check=False)
        self.launched[0].wait(120)


class Dinit(Peer):
    """Built from its source; the bench is told where."""

    name = "dinit"
    graphs = True
    place = _Place

    def version(self) -> str:
        if self.tools.find("dinit") is None:
            from .base import Absent

            raise Absent("give --dinit PATH, where its sources were built")
        words = [self.program("dinit"), "--version"]
        text = subprocess.run(words, capture_output=True, text=True).stdout
        return text.split("\n")[0].removeprefix("Dinit version ").rstrip(".")
