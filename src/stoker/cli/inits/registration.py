"""Finding the host's init, and what is to be done to register with it or to be forgotten by it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys

from stoker.errors import Failed, UsageError

from . import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["INITS", "Act", "Registration", "detect", "program"]

INITS = ("systemd", "openrc", "sysvinit", "runit")

_SIGNS = {
    "systemd": ("run/systemd/system",),
    "openrc": ("run/openrc", "lib/rc/init.d"),
    "runit": ("run/runit",),
}
"""What is there while that init runs."""

_FIRST = {"systemd": "systemd", "runit": "runit", "openrc-init": "openrc"}
"""What process 1 is called while that init runs."""

_PROGRAMS = (
    ("systemd", ("usr/lib/systemd/systemd", "lib/systemd/systemd")),
    ("openrc", ("sbin/openrc-run", "usr/sbin/openrc-run")),
    ("runit", ("sbin/runit-init", "usr/bin/runit-init")),
    ("sysvinit", ("etc/inittab",)),
)
"""What is there when it is installed; a root directory has nothing else to go by."""


def detect(root: str = "/") -> str:
    """The init of the machine, or of the file system below `root`. Raises Failed when there is no
    telling.
    """

    def there(path: str) -> bool:
        return os.path.exists(os.path.join(root, path))

    if os.path.realpath(root) == "/" and (first := _FIRST.get(_name_of_the_first())):
        return first
    for name, signs in _SIGNS.items():
        if any(there(sign) for sign in signs):
            return name
    for name, programs in _PROGRAMS:
        if any(there(program) for program in programs):
            return name
    raise Failed(
        f"found no init that we know ({', '.join(INITS)})",
        hint="name it with --init; in a container, let `stoker up DIR` be the command instead",
    )


def _name_of_the_first() -> str:
    try:
        with open("/proc/1/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:  # no /proc
        return ""


class Act:
    """One thing to do: write or remove a file, make or remove a link, run a command.

    `kind`: "write", "remove", "link", "unlink", "run", "none" (nothing to be done: it is so).
    """

    __slots__ = ("command", "kind", "mode", "must", "path", "text")

    def __init__(
        self,
        kind: str,
        path: str = "",
        text: str = "",
        *,
        mode: int = 0o644,
        command: Iterable[str] = (),
        must: bool = True,
    ) -> None:
        self.kind, self.path, self.text, self.mode = kind, path, text, mode
        self.command = tuple(command)
        self.must = must

    def as_dict(self) -> dict[str, object]:
        """For --json."""
        text = self.text if self.kind in ("write", "link") else None
        return {
            "do": self.kind,
            "path": self.path or None,
            "text": text,
            "mode": f"{self.mode:04o}" if self.kind == "write" else None,
            "command": list(self.command) or None,
        }


class Registration:
    """One init's way: what `install` and `uninstall` do. `kind`: "user" or "system".

    `program`: argv of stoker. `config`: the user's configuration directory. Raises UsageError where
    the init has no services of users.
    """

    def __init__(self, init: str, kind: str, program: list[str], root: str, config: str) -> None:
        if kind == "user" and init != "systemd":
            raise UsageError(
                f"{init} starts no services of users",
                hint="let the user's crontab do it: @reboot stoker --user up -d",
            )
        self.init, self.kind, self.program = init, kind, program
        self.root = os.path.abspath(root)
        self.config = config

    # -- what there is to it

    def files(self) -> list[tuple[str, str, int]]:
        """(path, text, mode) of each file, without the root."""
        system = {
            "openrc": lambda: [("/etc/init.d/stoker", texts.openrc(self.program), 0o755)],
            "sysvinit": lambda: [("/etc/init.d/stoker", texts.sysvinit(self.program), 0o755)],
            "runit": self._runit,
        }
        made: Callable[[], list[tuple[str, str, int]]] | None = system.get(self.init)
        if made is not None:
            return made()
        folder = "/etc/systemd/system" if self.kind == "system" else f"{self.config}/systemd/user"
        return [(f"{folder}/stoker.service", texts.systemd(self.program, self.kind), 0o644)]

    def _runit(self) -> list[tuple[str, str, int]]:
        folder = "/etc/sv/stoker"
        return [
            (f"{folder}/run", texts.runit_run(self.program), 0o755),
            (f"{folder}/control/t", texts.runit_restart(self.program), 0o755),
            (f"{folder}/control/d", texts.runit_control(self.program, "down"), 0o755),
            (f"{folder}/control/h", texts.runit_control(self.program, "reload"), 0o755),
        ]

    def links(self) -> list[tuple[str, str]]:
        """(path, where it leads): runit's directory of services that are on."""
        if self.init != "runit":
            return []
        for folder in ("/etc/service", "/var/service", "/service"):
            if os.path.isdir(self._real(folder)):
                return [(f"{folder}/stoker", "/etc/sv/stoker")]
        return [("/etc/service/stoker", "/etc/sv/stoker")]

    def _commands(self, on: bool) -> list[tuple[str, ...]]:
        """How the init is told, after files are there, or (not `on`) after they are gone."""
        if self.init == "systemd":
            systemctl = ("systemctl", "--user") if self.kind == "user" else ("systemctl",)
            reload = (*systemctl, "daemon-reload")
            return [reload, (*systemctl, "enable", "stoker.service")] if on else [reload]
        if self.init == "openrc":
            return [("rc-update", "add", "stoker", "default")] if on else []
        if self.init == "sysvinit":
            word = "--add" if on else "--del"
            if self._has("update-rc.d"):
                return [("update-rc.d", "stoker", "defaults" if on else "remove")]
            if self._has("chkconfig"):
                return [("chkconfig", word, "stoker")]
        return []

    def _before(self) -> list[tuple[str, ...]]:
        """How the init is told before the files go."""
        if self.init == "systemd":
            systemctl = ("systemctl", "--user") if self.kind == "user" else ("systemctl",)
            return [(*systemctl, "disable", "stoker.service")]
        return [("rc-update", "del", "stoker", "default")] if self.init == "openrc" else []

    def _has(self, program: str) -> bool:
        return any(
            os.path.exists(self._real(f"{folder}/{program}")) for folder in ("/usr/sbin", "/sbin")
        )

    @property
    def start_with(self) -> str:
        """The command that starts it now."""
        return {
            "systemd": f"systemctl {'--user ' if self.kind == 'user' else ''}start stoker",
            "openrc": "rc-service stoker start",
            "sysvinit": "/etc/init.d/stoker start",
            "runit": "sv start stoker",
        }[self.init]

    # -- plans

    def install(self) -> list[Act]:
        """What is to be done to be started at boot. Raises Failed for a file that is not ours."""
        acts = []
        for path, text, mode in self.files():
            found = self._found(path)
            same = found == text and stat.S_IMODE(os.stat(self._real(path)).st_mode) == mode
            acts.append(Act("none" if same else "write", path, text, mode=mode))
        for path, target in self.links():
            same = self._leads(path, target)
            acts.append(Act("none" if same else "link", path, target))
        return acts + [Act("run", command=words) for words in self._commands(on=True)]

    def uninstall(self) -> list[Act]:
        """What is to be done to be forgotten: [] where there is nothing of ours. Raises Failed."""
        there = [path for path, _text, _mode in self.files() if self._found(path) is not None]
        links = [path for path, target in self.links() if self._leads(path, target)]
        if not there and not links:
            return []
        acts = [Act("run", command=words, must=False) for words in self._before()]
        acts += [Act("unlink", path) for path in links]
        acts += [Act("remove", path) for path in there]
        return acts + [Act("run", command=words, must=False) for words in self._commands(on=False)]

    def _real(self, path: str) -> str:
        return os.path.join(self.root, path.lstrip("/"))

    def _found(self, path: str) -> str | None:
        """The text of a file of ours; None: there is none. Raises Failed when it is not ours."""
        real = self._real(path)
        try:
            with open(real, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except FileNotFoundError:
            if not os.path.islink(real):
                return None
            text = ""
        except (NotADirectoryError, IsADirectoryError, PermissionError) as error:
            raise Failed(f"{real}: {error.strerror}") from None
        if os.path.islink(real) or texts.MARK not in text.splitlines():
            raise Failed(
                f"{real} is there, and was not written by stoker",
                hint="move it away, and do it again; nothing was changed",
            )
        return text

    def _leads(self, path: str, target: str) -> bool:
        """Whether a link of ours is there. Raises Failed when something else is."""
        real = self._real(path)
        if not os.path.lexists(real):
            return False
        if os.path.islink(real) and os.readlink(real) == target:
            return True
        raise Failed(
            f"{real} is there, and was not made by stoker",
            hint="move it away, and do it again; nothing was changed",
        )

    # -- acts

    @property
    def elsewhere(self) -> bool:
        """Whether the root is another one: then no command is run."""
        return self.root != "/"

    def do(self, act: Act) -> str:
        """Carry one out; returns "", or why it failed where that does not matter. Raises Failed."""
        try:
            return self._do(act)
        except OSError as error:
            hint = "as root, or with --user" if isinstance(error, PermissionError) else ""
            where = error.filename or act.path
            raise Failed(f"{where}: {error.strerror}", hint=hint) from None

    def _do(self, act: Act) -> str:
        real = self._real(act.path)
        if act.kind == "write":
            os.makedirs(os.path.dirname(real), exist_ok=True)
            fresh = f"{real}.stoker-new"
            with open(fresh, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), act.mode)
                file.write(act.text)
            os.rename(fresh, real)
        elif act.kind == "link":
            os.makedirs(os.path.dirname(real), exist_ok=True)
            os.symlink(act.text, real)
        elif act.kind in ("remove", "unlink"):
            os.unlink(real)
            self._tidy(os.path.dirname(act.path))
        elif act.kind == "run" and not self.elsewhere:
            return self._run(act)
        return ""

    def _tidy(self, folder: str) -> None:
        """Remove our directory for runit once it is empty (supervise in it is runsv's)."""
        while folder.startswith("/etc/sv/stoker"):
            try:
                os.rmdir(self._real(folder))
            except OSError:  # something is left in it: not ours to remove
                return
            folder = os.path.dirname(folder)

    def _run(self, act: Act) -> str:
        line = " ".join(act.command)
        try:
            done = subprocess.run(
                act.command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
            why = "" if done.returncode == 0 else done.stderr.strip() or f"status {done.returncode}"
        except FileNotFoundError:
            why = f"there is no {act.command[0]} here"
        if why and act.must:
            raise Failed(f"{line}: {why}", hint="the files are written; run this by hand")
        return f"{line}: {why}" if why else ""


def program() -> list[str]:
    """argv of this stoker, with absolute paths: what a unit can start."""
    first = sys.argv[0]
    if os.path.basename(first) == "stoker":
        path = os.path.abspath(first) if "/" in first else shutil.which(first)
        if path and os.access(path, os.X_OK):
            return [path]
    beside = os.path.join(os.path.dirname(sys.executable), "stoker")
    if os.access(beside, os.X_OK):
        return [beside]
    code = "import sys; from stoker.cli import main; sys.exit(main())"
    return [os.path.abspath(sys.executable), "-c", code]
