"""convert-systemd-units: bundles from systemd's units, as nosh makes them (nosh.md 9a).

`stoker import systemd` makes native definitions, and understands more. Here a bundle stands on its
own: its programs are shell scripts, its relations links.
"""

from __future__ import annotations

import os
import shlex
from typing import NamedTuple

from stoker.errors import Failed, StokerError, UsageError
from stoker.formats import Unit, command_lines, read_unit, roots, span

from .bundles import complain, options

__all__ = ["Where", "convert", "main"]

PROGRAM = "convert-systemd-units"
_SWITCHES = (
    *("--user", "--etc-bundle", "--local-bundle", "--no-systemd-quirks"),
    "--no-generation-comment",  # there is none
)
_EARLY = "/run/service-bundles/early-supervise"
_SERVICES = "/var/sv"  # where those that lie elsewhere find the usual services
_RELATIONS = {
    "wants": ("Requires", "Wants"),
    "requires": ("PartOf",),
    "conflicts": ("Conflicts",),
    "before": ("Before",),
    "after": ("After",),
}
_INSTALLED = {"wanted-by": ("RequiredBy", "WantedBy"), "stopped-by": ("StoppedBy",)}
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
_USED = {
    "Type", "ExecStart", "ExecStartPre", "ExecStopPost", "Restart", "RestartSec", "RemainAfterExit",
    "SendSIGHUP", "SendSIGKILL", "KillMode", "User", "Group", "WorkingDirectory", "UMask",
    "Environment", "EnvironmentFile", "DefaultDependencies", "EarlySupervise", "Description",
    "Documentation",
    *(key for keys in (*_RELATIONS.values(), *_INSTALLED.values()) for key in keys),
}  # fmt: skip


class Where(NamedTuple):
    """Where a bundle is written, where it finds targets and other services, and whether its
    supervise directory is elsewhere, because it cannot be written to.
    """

    root: str
    targets: str
    services: str
    early: bool


def main(arguments: list[str]) -> int:
    """The command; 1 when a unit cannot be converted."""
    words = list(arguments)
    given = options(words, {one: one for one in _SWITCHES}, {"--bundle-root": "root"})
    if len(words) != 1:
        raise UsageError(f"{PROGRAM} [OPTION…] UNIT")
    user, etc = "--user" in given, "--etc-bundle" in given
    targets = "../../../targets" if etc else roots(user)["targets"][-1 if user else 2]
    apart = not user and (etc or "--local-bundle" in given)
    where = Where(given.get("root", "."), targets, _SERVICES if apart else "../..", etc)
    try:
        unit = read_unit(words[0])
        unused = convert(unit, where, quirks="--no-systemd-quirks" not in given)
    except StokerError as error:
        complain(PROGRAM, error)
        return 1
    for text in unused:
        complain(PROGRAM, f"{unit.file}: {text}")
    return 0


def convert(unit: Unit, where: Where, *, quirks: bool) -> list[str]:
    """Write the bundle of one unit; returns what of it has no effect. Raises Failed."""
    if unit.kind not in ("service", "target"):
        raise Failed(f"{unit.name}: only services and targets can be converted")
    if unit.template:
        raise Failed(f"{unit.name} is a template: name an instance")
    kind = unit.last("Service", "Type", "simple")
    if kind not in ("simple", "exec", "forking", "oneshot", "dbus"):
        raise Failed(f"{unit.name}: Type={kind} cannot be converted")
    mode = unit.last("Service", "KillMode", "control-group")
    if mode != "control-group":
        raise Failed(f"{unit.name}: KillMode={mode} cannot be converted")
    if unit.kind == "service" and not unit.all("Service", "ExecStart"):
        raise Failed(f"{unit.name} has no ExecStart")
    bundle = f"{where.root}/{unit.stem}"
    try:
        os.makedirs(f"{bundle}/service", 0o755)
        _programs(unit, f"{bundle}/service", quirks)
        for flag in _flags(unit, kind):
            open(f"{bundle}/service/{flag}", "wb").close()
        _relations(unit, bundle, where)
        if unit.flag("Service", "EarlySupervise", where.early):
            os.symlink(f"{_EARLY}/{unit.stem}", f"{bundle}/supervise")
    except OSError as error:
        raise Failed(f"{error.filename or bundle}: {error.strerror}") from None
    rows = [one for one in unit.settings if one.key not in _USED]
    return [f"{one.line}: {one.section}/{one.key} has no effect" for one in rows]


def _flags(unit: Unit, kind: str) -> list[str]:
    found = ["ready_after_run"] if kind == "oneshot" else []
    if unit.flag("Service", "RemainAfterExit", unit.kind == "target"):
        found.append("remain")
    if unit.flag("Service", "SendSIGHUP"):
        found.append("use_hangup")
    if not unit.flag("Service", "SendSIGKILL", True):
        found.append("no_kill_signal")
    return found


def _programs(unit: Unit, service: str, quirks: bool) -> None:
    around = _around(unit)
    runs = command_lines(unit, "ExecStart") or ["true"]
    last = runs[-1] if runs[-1].startswith("{") else f"exec {_as_user(unit)}{runs[-1]}"
    _write(f"{service}/start", [*around, *command_lines(unit, "ExecStartPre")])
    _write(f"{service}/run", [*around, *runs[:-1], last])
    _write(f"{service}/stop", [*around, *command_lines(unit, "ExecStopPost")])
    how = unit.last("Service", "Restart", "no" if quirks else "always")
    if unit.kind == "target":
        how = "always"
    if how not in _SAYS_NO:
        raise Failed(f"{unit.name}: Restart={how} cannot be converted")
    pause = unit.last("Service", "RestartSec", "100ms" if quirks else "")
    lines = [_SAYS_NO[how]]
    if pause and not lines[0].startswith("exit"):
        lines.append(f"exec sleep {span(pause):g}")
    elif pause and how == "always" and unit.kind != "target":
        lines = [f"exec sleep {span(pause):g}"]
    _write(f"{service}/restart", lines, strict=False)


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
    user, group = (unit.last("Service", key) for key in ("User", "Group"))
    if not user and not group:
        return ""
    words = ["setpriv"]
    words += [f"--reuid={user}"] if user else []
    words += [f"--regid={group}"] if group else [f"--regid={user}"]
    words.append("--init-groups" if user else "--keep-groups")
    return shlex.join([*words, "--"]) + " "


def _write(path: str, lines: list[str], *, strict: bool = True) -> None:
    head = ["#!/bin/sh -fe" if strict else "#!/bin/sh"]
    with open(path, "x", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\n".join([*head, *lines]) + "\n")
    os.chmod(path, 0o755)


def _relations(unit: Unit, bundle: str, where: Where) -> None:
    found: dict[str, list[str]] = {}
    for section, relations in (("Unit", _RELATIONS), ("Install", _INSTALLED)):
        for relation, keys in relations.items():
            names = [name for key in keys for name in unit.last(section, key).split()]
            found[relation] = list(dict.fromkeys(names))
    if unit.kind == "service" and unit.flag("Unit", "DefaultDependencies", True):
        more = {"wants": "basic", "after": "basic", "before": "shutdown", "stopped-by": "shutdown"}
        for relation, name in more.items():
            found[relation].append(f"{name}.target")
    for relation, names in found.items():
        for name in names:
            stem, _, kind = name.rpartition(".")
            if kind not in ("service", "target"):
                continue
            os.makedirs(f"{bundle}/{relation}", 0o755, exist_ok=True)
            to = f"{where.targets if kind == 'target' else where.services}/{stem}"
            if not os.path.lexists(f"{bundle}/{relation}/{stem}"):
                os.symlink(to, f"{bundle}/{relation}/{stem}")
