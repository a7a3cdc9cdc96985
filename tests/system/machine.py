"""A machine in namespaces of its own: the system manager as their first process, in milliseconds.

The first process sees its own processes, mounts, host name, /run, /dev, /etc, /var/lib and
/var/log; its console is a pseudo-terminal in the hands of the test. That it ends by reboot(2) is
seen as the signal that the kernel gives for it.
"""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tty
from pathlib import Path

import msgspec

import stoker

PATIENCE = 120.0
SOURCE = str(Path(stoker.__file__).parents[1])
PATHS = [SOURCE, str(Path(str(msgspec.__file__)).parents[1])]
START = (
    f"import sys; sys.path[:0] = {PATHS!r}; "
    "from stoker.system import main; sys.exit(main(sys.argv[1:]))"
)
NAMESPACES = ("--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--mount-proc")
STATUS = {signal.SIGHUP: "restart", signal.SIGINT: "off"}
"""How the first process of a pid namespace ends by reboot(2)."""

SETUP = """
set -e
cd "$1"
mount --bind etc /etc
mount --bind lib /var/lib
mount --bind log /var/log
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs dev
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    IFS=: read -r name major minor <<END
$node
END
    mknod -m 666 "dev/$name" c "$major" "$minor"
done
: > dev/kmsg
mkdir dev/shm dev/pts
if [ -n "$2" ]; then : > dev/console; mount --bind "$2" dev/console; fi
mount --move dev /dev
mount -t devpts devpts /dev/pts
ln -s pts/ptmx /dev/ptmx
. ./before
shift 2
exec "$@"
"""


class Machine:
    """One machine. As a context manager it leaves nothing behind."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="sm."))
        for name in ("etc/stoker/services", "lib", "log", "dev"):
            (self.root / name).mkdir(parents=True)
        for name in ("passwd", "group", "nsswitch.conf", "ld.so.cache", "localtime"):
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", self.root / "etc" / name)
        (self.root / "etc/shadow").write_text("root::19000:0:99999:7:::\n")
        (self.root / "etc/hostname").write_text("of-its-own\n")
        (self.root / "before").write_text("")
        self.text = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._console = -1

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_exc: object) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self.root, ignore_errors=True)

    def define(self, name: str, text: str) -> None:
        """Write a definition."""
        path = self.root / "etc/stoker/services" / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def boot(self, *words: str, console: bool = True, before: str = "", **more: str) -> None:
        """Start it. `before`: shell commands in its namespaces; `more`: of its environment."""
        self.text = ""
        (self.root / "before").write_text(before + "\n")
        slave = ""
        if console:
            self._console, other = pty.openpty()
            tty.setraw(other)
            slave = os.ttyname(other)
        start = [sys.executable, "-I", "-S", "-c", START, *words]
        self._process = subprocess.Popen(
            ["unshare", *NAMESPACES, "/bin/sh", "-c", SETUP, "sh", str(self.root), slave, *start],
            # Cgroups are not of a namespace: two machines at once would take each other's over.
            env={
                "STOKER_CONTAINMENT": "session",
                "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
                **more,
            },
            stdin=subprocess.DEVNULL,
            stdout=(self.root / "out").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if console:
            os.close(other)

    def stop(self) -> None:
        """The power goes."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._console >= 0:
            os.close(self._console)
            self._console = -1

    @property
    def first(self) -> int:
        """The first process, as it is numbered out here."""
        assert self._process is not None
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(self.eventually(lambda: path.read_text().split(), "no first process")[0])

    def ended(self) -> str:
        """Wait for its end: "restart" or "off", "exit N" where it ended otherwise."""
        assert self._process is not None
        end = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            self._read(0.05)
            assert time.monotonic() < end, f"the machine does not end\n{self.story()}"
        self._read(0.0)
        status = self._process.returncode
        number = -status if status < 0 else status - 128
        self.stop()
        return STATUS.get(number, f"exit {status}")  # type: ignore[call-overload, no-any-return]

    # -- the console

    def expect(self, text: str, count: int = 1) -> None:
        """Wait until the console has shown this."""
        end = time.monotonic() + PATIENCE
        while self.text.count(text) < count:
            assert time.monotonic() < end, f"the console never shows {text!r}\n{self.story()}"
            assert self._read(0.2) or self.alive(), f"it ended before {text!r}\n{self.story()}"

    def type(self, text: str) -> None:
        """At the console."""
        os.write(self._console, text.encode())

    def alive(self) -> bool:
        assert self._process is not None
        return self._process.poll() is None

    def _read(self, seconds: float) -> bool:
        if self._console < 0:
            time.sleep(seconds)
            return False
        got = False
        while select.select([self._console], [], [], 0.0 if got else seconds)[0]:
            try:
                data = os.read(self._console, 65536)
            except OSError:  # nobody has it open
                time.sleep(seconds)
                return got
            self.text += data.decode(errors="replace")
            got = True
        return got

    # -- from inside

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A program inside."""
        target = ["nsenter", "-t", str(self.first), "-m", "-p", "-u", "-i"]
        done = subprocess.run(
            [*target, *words], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0 or not check, f"{words}: {done.stderr}\n{self.story()}"
        return done

    def stoker(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command of ours inside."""
        text = (
            f"import sys; sys.path[:0] = {PATHS!r}; from stoker.cli import main; sys.exit(main())"
        )
        return self.run(sys.executable, "-I", "-S", "-c", text, *words, check=check)

    def signal(self, number: int) -> None:
        """To the first process."""
        os.kill(self.first, number)

    def eventually(self, ask: object, what: str) -> object:
        """What `ask()` answers, once it is something."""
        assert callable(ask)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                if found := ask():
                    return found
            except (OSError, AssertionError):
                pass
            assert time.monotonic() < end, f"{what}\n{self.story()}"
            self._read(0.02)

    def story(self) -> str:
        """Everything that is known of it, for the message of a test that fails."""
        parts = [f"console:\n{self.text}"]
        for path in (self.root / "out", self.root / "log/stoker/stoker.log"):
            if path.exists():
                parts.append(f"{path.name}:\n{path.read_text(errors='replace')[-4000:]}")
        return "\n".join(parts)
