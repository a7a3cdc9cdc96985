"""The programs of bundles that are made of systemd's units (nosh.md 9a)."""

from __future__ import annotations

import shlex

from stoker.errors import Failed
from stoker.formats import Unit, command_lines, span

from .occasions import occasion

__all__ = ["PROGRAM_KEYS", "Programs", "programs_of", "used_of"]

Programs = dict[str, list[str]]
"""Name of each program: its lines of shell."""

_SAYS_NO = {
    "always": "exit 0",
    "no": "exit 1",
    "never": "exit 1",
    "on-success": 'case "$1-$2" in exit-0|term-*) ;; *) exit 1 ;; esac',
    "on-failure": 'case "$1-$2" in exit-0|term-*) exit 1 ;; esac',
    "on-abort": 'case "$1" in kill|abort|crash) ;; *) exit 1 ;; esac',
    "on-abnormal": 'case "$1" in kill|abort|crash) ;; *) exit 1 ;; esac',
}
"""What a restart program does, given how it ended; on its way on it waits and exits with 0."""

PROGRAM_KEYS = {
    "Type", "ExecStart", "ExecStartPre", "ExecStopPost", "Restart", "RestartSec", "User", "Group",
    "WorkingDirectory", "UMask", "Environment", "EnvironmentFile",
}  # fmt: skip
_LISTENS = {
    "ListenStream": "stream",
    "ListenDatagram": "datagram",
    "ListenSequentialPacket": "seqpacket",
}
_SOCKET = {
    "Backlog": "--backlog",
    "SocketMode": "--mode",
    "SocketUser": "--user",
    "SocketGroup": "--group",
    "FileDescriptorName": "--name",
}
_TIMER = {
    "OnBootSec": "boot",
    "OnStartupSec": "startup",
    "OnActiveSec": "active",
    "OnUnitActiveSec": "unit-active",
    "OnUnitInactiveSec": "unit-inactive",
    "OnCalendar": "calendar",
}


def used_of(unit: Unit) -> set[str]:
    """The keys that count because it is a socket or a timer."""
    if unit.kind == "socket":
        known = {"Accept", "MaxConnections", "Service", "StandardInput", "StandardOutput"}
        return {*_LISTENS, *_SOCKET, *known}
    return {*_TIMER, "Persistent", "Unit"} if unit.kind == "timer" else set()


def programs_of(unit: Unit, service: Unit, quirks: bool) -> Programs:
    """All of them. `quirks`: as systemd does what it is silent about. Raises Failed."""
    around, who = _around(service), _as_user(service)
    before = [*around, *command_lines(service, "ExecStartPre", who)]
    runs = command_lines(service, "ExecStart", who) or ["true"]
    if not runs[-1].startswith("{"):
        runs[-1] = f"exec {runs[-1]}"
    found = {"start": before, "run": [*around, *runs]}
    if unit.kind in ("socket", "timer"):
        command = _listen(unit) if unit.kind == "socket" else _wait(unit)
        if service.last("Service", "StandardInput") == "socket" and not _accepts(unit):
            runs[-1] += " <&3 >&3"
        found = {
            "start": ["touch stamp-on-start"] if unit.kind == "timer" else ["true"],
            "run": [f"exec stoker {command} -- ./service"],
            "service": [*before, *runs],
        }
    found["stop"] = [*around, *command_lines(service, "ExecStopPost", who)]
    found["restart"] = _restart(unit, service, quirks)
    return found


def _restart(unit: Unit, service: Unit, quirks: bool) -> list[str]:
    if unit.kind == "target":
        return [_SAYS_NO["always"]]
    if unit.kind == "timer":  # it waits for the next time
        return ["touch stamp-on-restart"]
    how = service.last("Service", "Restart", "no" if quirks else "always")
    if how not in _SAYS_NO:
        raise Failed(f"{service.name}: Restart={how} cannot be converted")
    pause = service.last("Service", "RestartSec", "100ms" if quirks else "")
    if not pause or how in ("no", "never"):
        return [_SAYS_NO[how]]
    wait = f"exec sleep {span(pause):g}"
    return [wait] if how == "always" else [_SAYS_NO[how], wait]


def _accepts(unit: Unit) -> bool:
    return unit.flag("Socket", "Accept")


def _listen(socket: Unit) -> str:
    """The command that opens what a socket unit names. Raises Failed."""
    addresses = [
        f"{_LISTENS[one.key]}:{_address(socket.expand(one.value))}"
        for one in socket.settings
        if one.section == "Socket" and one.key in _LISTENS
    ]
    if not addresses:
        raise Failed(f"{socket.name} listens on nothing that can be converted")
    words = ["socket-listen"]
    if _accepts(socket):
        if any(one.startswith("datagram:") for one in addresses):  # which systemd refuses, too
            raise Failed(f"{socket.name}: Accept=yes, and no connections come to ListenDatagram=")
        most = socket.last("Socket", "MaxConnections")
        words += ["--accept", *(["--connection-limit", most] if most else [])]
    for key, option in _SOCKET.items():
        if value := socket.last("Socket", key):
            words += [option, value]
    if "--name" not in words:
        words += ["--name", socket.name]
    return shlex.join([*words, *addresses])


def _address(value: str) -> str:
    return f":{value}" if value.isdecimal() else value


def _wait(timer: Unit) -> str:
    """The command that waits for what a timer unit names. Raises Failed."""
    words = ["timer-wait"]
    for key, kind in _TIMER.items():
        for value in timer.all("Timer", key):
            (occasion if kind == "calendar" else span)(value)
            words.append(f"--on-{kind}={value}")
    if len(words) == 1:
        raise Failed(f"{timer.name} waits for nothing")
    if timer.flag("Timer", "Persistent"):
        words.append("--persistent")
    return shlex.join(words)


def _around(unit: Unit) -> list[str]:
    """What a program's surroundings are set up by."""
    lines = []
    for value in unit.all("Service", "EnvironmentFile"):
        path = shlex.quote(value.removeprefix("-"))
        lines.append(f"set -a; test ! -e {path} || . {path}; set +a")
    for value in unit.all("Service", "Environment"):
        lines.append(f"export {shlex.join(shlex.split(value))}")
    if umask := unit.last("Service", "UMask"):
        lines.append(f"umask {shlex.quote(umask)}")
    directory = unit.last("Service", "WorkingDirectory")
    if directory.startswith("-"):
        lines.append(f"cd {shlex.quote(directory[1:])} || :")
    elif directory == "~":
        lines.append(f"cd ~{shlex.quote(unit.last('Service', 'User', 'root'))}")
    else:
        lines.append(f"cd {shlex.quote(directory or '/')}")
    return lines


def _as_user(unit: Unit) -> str:
    """What gives a command the account of the unit, with a blank after it; "" if it has none."""
    user, group = (unit.last("Service", key) for key in ("User", "Group"))
    if not user and not group:
        return ""
    words = ["setpriv"]
    words += [f"--reuid={user}"] if user else []
    words += [f"--regid={group}"] if group else [f"--regid={user}"]
    words.append("--init-groups" if user else "--keep-groups")
    return shlex.join([*words, "--"]) + " "
