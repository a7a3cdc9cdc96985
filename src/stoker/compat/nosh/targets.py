"""nosh's standard targets, written as bundles (nosh.md 8).

Versus systemd: the goal is `normal`, and multi-user one of its parts; workstation, server and
others stand beside it; there are no runlevels. Versus SMF: multi-user and server are plain groups
without an order between them. What is in `normal` is put there by enable, from `wanted-by`.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from stoker.errors import Failed

__all__ = ["TARGETS", "write_targets"]

_EARLY = "/run/service-bundles/early-supervise"


class Target(NamedTuple):
    """One of them: what it wants, what it is put into by enable, what it comes before and after.
    `stopped`: shutdown stops it. `remains`: it stays up when its run has ended. `run`: its command.
    """

    wants: str = ""
    wanted_by: str = ""
    before: str = ""
    after: str = ""
    stopped: bool = True
    remains: bool = True
    run: str = "true"


_END = Target("shutdown unmount", after="shutdown unmount", stopped=False)
TARGETS: dict[str, Target] = {
    "normal": Target(stopped=False),
    "workstation": Target(wanted_by="normal"),
    "server": Target(wanted_by="normal"),
    "multi-user": Target("multi-user-pre", "normal"),
    "users": Target(wanted_by="normal"),
    "static-networking": Target(wanted_by="normal"),
    "basic": Target("sysinit", "normal", "shutdown"),
    "sysinit": Target(wanted_by="basic", before="shutdown"),
    "local-fs-pre": Target(wanted_by="sysinit", before="shutdown"),
    "local-fs": Target(wanted_by="sysinit", before="shutdown"),
    "remote-fs-pre": Target(wanted_by="workstation", before="shutdown"),
    "remote-fs": Target(wanted_by="workstation", before="shutdown"),
    "fs-servers": Target(wanted_by="sysinit", before="shutdown"),
    "swapauto": Target(wanted_by="sysinit"),
    "swaplate": Target(wanted_by="sysinit", after="swapauto"),
    "dumpauto": Target(wanted_by="sysinit"),
    **{
        name: Target()
        for name in (
            *("multi-user-pre", "name-services", "databases", "extra-shared-libraries"),
            *("sockets", "timers"),
        )
    },
    **{
        name: Target(wanted_by="workstation")
        for name in ("local-syslog", "jails", "warden", "appcafe")
    },
    "frame-buffer": Target(wanted_by="workstation", before="shutdown"),
    **{
        name: Target(wanted_by="workstation", stopped=False)
        for name in ("mixer", "uhidd", "virtualbox-guest", "virtualbox-host")
    },
    "graphics": Target(stopped=False),
    "rescue": Target("sysinit", before="shutdown", remains=False, run="${SULOGIN:-/sbin/sulogin}"),
    "emergency": Target(before="shutdown"),
    "update": Target("sysinit", before="shutdown", remains=False, run="system-update"),
    "shutdown": Target(stopped=False),
    "unmount": Target(after="shutdown", stopped=False),
    **{
        name: _END._replace(run=f"system-control {name} --force")
        for name in ("halt", "poweroff", "reboot", "powercycle")
    },
    "finish-install": Target("local-fs", after="local-fs", before="reboot-after-install"),
    "finish-update": Target("local-fs", after="local-fs", before="reboot-after-update"),
    "reboot-after-install": Target("local-fs", "finish-install", "reboot", "local-fs"),
    "reboot-after-update": Target("reboot", "finish-update"),
}
"""All of them by name, with what nosh 1.40 ships of each."""

_ALIASES = {"getty-pre": "multi-user-pre"}


def write_targets(directory: str) -> list[str]:
    """Write those that are not in a directory yet; returns their names. Raises Failed."""
    made = []
    try:
        os.makedirs(directory, 0o755, exist_ok=True)
        for name, target in TARGETS.items():
            if not os.path.lexists(f"{directory}/{name}"):
                _write(directory, name, target)
                made.append(name)
        for alias, name in _ALIASES.items():
            if not os.path.lexists(f"{directory}/{alias}"):
                os.symlink(name, f"{directory}/{alias}")
    except OSError as error:
        raise Failed(f"{error.filename or directory}: {error.strerror}") from None
    return made


def _write(directory: str, name: str, target: Target) -> None:
    bundle = f"{directory}/{name}"
    os.makedirs(f"{bundle}/service", 0o755)
    for program in ("start", "stop", "run", "restart"):
        _program(f"{bundle}/service/{program}", target.run if program == "run" else "true")
    if target.remains:
        open(f"{bundle}/service/remain", "wb").close()
    if name == "rescue":
        open(f"{bundle}/service/use_hangup", "wb").close()
    if directory.startswith("/etc/"):  # which need not be writable when it comes up
        os.symlink(f"{_EARLY}/{name}", f"{bundle}/supervise")
    relations = {
        "wants": target.wants,
        "wanted-by": target.wanted_by,
        "before": target.before,
        "after": target.after,
        "stopped-by": "shutdown" if target.stopped else "",
    }
    for relation, names in relations.items():
        if names:
            os.mkdir(f"{bundle}/{relation}", 0o755)
        for other in names.split():
            os.symlink(f"../../{other}", f"{bundle}/{relation}/{other}")


def _program(path: str, command: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\nexec {command}\n")
    os.chmod(path, 0o755)
