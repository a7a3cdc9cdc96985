"""convert-systemd-units: bundles from systemd's units, as nosh makes them (nosh.md 9a).

`stoker import systemd` makes native definitions, and understands more. Here a bundle stands on its
own: its programs are shell scripts, its relations links. A socket or a timer becomes one bundle
with its service: `run` listens or waits, and becomes `service`.
"""

from __future__ import annotations

import os
from functools import partial
from typing import NamedTuple

from stoker.errors import Failed, NoSuchService, StokerError, UsageError
from stoker.formats import Unit, read_unit, roots, socket_service

from .bundles import complain, options
from .converted import PROGRAM_KEYS, Programs, programs_of, used_of
from .escaping import escape, escape_otherwise, unescape, unescape_otherwise

__all__ = ["Where", "convert", "main"]

PROGRAM = "convert-systemd-units"
_SWITCHES = (
    *("--user", "--etc-bundle", "--local-bundle", "--no-systemd-quirks", "--escape-instance"),
    *("--escape-prefix", "--alt-escape", "--no-ext-escape"),
    "--no-generation-comment",  # there is none
)
_SEARCHED = ("/etc", "/usr/local/lib", "/run", "/usr/lib", "/lib", ".")
"""Where units are, below systemd/system or systemd/user."""
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
_KINDS = ("service", "target", "socket", "timer")
_USED = {
    *("DefaultDependencies", "EarlySupervise", "Description", "Documentation"),
    *("RequiresMountsFor", "SendSIGHUP", "SendSIGKILL", "KillMode", "RemainAfterExit"),
    *(key for keys in (*_RELATIONS.values(), *_INSTALLED.values()) for key in keys),
}


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
        raise UsageError("one unit is needed")
    user, etc = "--user" in given, "--etc-bundle" in given
    targets = "../../../targets" if etc else roots(user)["targets"][-1 if user else 2]
    apart = not user and (etc or "--local-bundle" in given)
    where = Where(given.get("root", "."), targets, _SERVICES if apart else "../..", etc)
    searched = [f"{one}/systemd/{'user' if user else 'system'}" for one in _SEARCHED]
    try:
        unit = read_unit(words[0], searched)
        service = _service_of(unit, os.path.dirname(words[0]), searched)
        for one in (unit, service):
            _spell(one, unit, given)
        unused = convert(unit, service, where, quirks="--no-systemd-quirks" not in given)
    except StokerError as error:
        complain(PROGRAM, error)
        return 1
    for text in unused:
        complain(PROGRAM, text)
    return 0


def _service_of(unit: Unit, directory: str, searched: list[str]) -> Unit:
    """The unit whose programs it runs: of a socket or timer, the service's. Raises StokerError."""
    if unit.kind not in ("socket", "timer"):
        return unit
    own = socket_service(unit) if unit.kind == "socket" else unit.last("Timer", "Unit")
    own = own or f"{unit.stem}.service"
    names = [own, f"{unit.prefix}.service"]  # which nosh takes for an instance
    paths = [f"{directory}/{name}" if directory else name for name in names]
    for at, path in enumerate(paths):
        try:
            return read_unit(path, searched)
        except NoSuchService:
            if at == len(paths) - 1:
                raise Failed(f"{unit.name}: there is no {own}") from None
    raise AssertionError("there is a last one")


def _spell(one: Unit, named: Unit, given: dict[str, str]) -> None:
    """Have specifiers say instance and prefix as the options have it: as they are given, or as they
    would be escaped.
    """
    escaping, undoing = escape, unescape
    if "--alt-escape" in given:
        escaping = partial(escape_otherwise, short="--no-ext-escape" not in given)
        undoing = unescape_otherwise
    for letter, text, option in (
        ("p", named.prefix, "--escape-prefix"),
        ("i", named.instance, "--escape-instance"),
    ):
        plain = text if option in given else undoing(text)
        one.specifiers[letter] = escaping(text) if option in given else text
        one.specifiers[letter.upper()] = plain
    whole = one.specifiers["I" if named.instance else "P"]
    one.specifiers["f"] = "/" + whole.lstrip("/")


def convert(unit: Unit, service: Unit, where: Where, *, quirks: bool) -> list[str]:
    """Write the bundle of a unit with the programs of that service, the same where it is one;
    returns what has no effect. Raises Failed.
    """
    _check(unit, service)
    programs = programs_of(unit, service, quirks)
    bundle = f"{where.root}/{unit.stem}"
    both = [unit] if service is unit else [unit, service]
    try:
        os.makedirs(f"{bundle}/service", 0o755)
        _write_programs(f"{bundle}/service", programs)
        for flag in _flags(unit, service):
            open(f"{bundle}/service/{flag}", "wb").close()
        _relations(unit, both, bundle, where)
        if any(one.flag("Service", "EarlySupervise", where.early) for one in both):
            os.symlink(f"{_EARLY}/{unit.stem}", f"{bundle}/supervise")
    except OSError as error:
        raise Failed(f"{error.filename or bundle}: {error.strerror}") from None
    used = _USED | PROGRAM_KEYS | used_of(unit)
    return [
        f"{one.file}: {one.line}: {one.section}/{one.key} has no effect"
        for each in both
        for one in each.settings
        if one.key not in used
    ]


def _check(unit: Unit, service: Unit) -> None:
    if unit.kind not in _KINDS:
        raise Failed(f"{unit.name}: only services, sockets, timers and targets can be converted")
    if unit.template:
        raise Failed(f"{unit.name} is a template: name an instance")
    kind = service.last("Service", "Type", "simple")
    if kind not in ("simple", "exec", "forking", "oneshot", "dbus"):
        raise Failed(f"{service.name}: Type={kind} cannot be converted")
    mode = service.last("Service", "KillMode", "control-group")
    if mode != "control-group":
        raise Failed(f"{service.name}: KillMode={mode} cannot be converted")
    if service.kind == "service" and not service.all("Service", "ExecStart"):
        raise Failed(f"{service.name} has no ExecStart")


def _flags(unit: Unit, service: Unit) -> list[str]:
    alone = unit is service
    found = ["ready_after_run"] if alone and service.last("Service", "Type") == "oneshot" else []
    if alone and service.flag("Service", "RemainAfterExit", unit.kind == "target"):
        found.append("remain")
    if service.flag("Service", "SendSIGHUP"):
        found.append("use_hangup")
    if not service.flag("Service", "SendSIGKILL", True):
        found.append("no_kill_signal")
    return found


def _write_programs(folder: str, programs: Programs) -> None:
    for name, lines in programs.items():
        # What decides about a restart goes on when one of its tests fails.
        head = "#!/bin/sh" if name == "restart" else "#!/bin/sh -fe"
        with open(f"{folder}/{name}", "x", encoding="utf-8", errors="surrogateescape") as file:
            file.write("\n".join([head, *lines]) + "\n")
        os.chmod(f"{folder}/{name}", 0o755)


# -- relations


def _relations(unit: Unit, both: list[Unit], bundle: str, where: Where) -> None:
    found: dict[str, list[str]] = {}
    for section, relations in (("Unit", _RELATIONS), ("Install", _INSTALLED)):
        for relation, keys in relations.items():
            names = [name for one in both for key in keys for name in one.names(section, key)]
            found[relation] = names
    by_default = all(one.flag("Unit", "DefaultDependencies", True) for one in both)
    if unit.kind != "target" and by_default:
        for relation, name in _by_default(unit, both[-1]):
            found[relation].append(name)
    for point in (path for one in both for path in one.names("Unit", "RequiresMountsFor")):
        for relation in ("wants", "after"):
            found[relation] += [f"mount@{escape(path)}.service" for path in _parts(point)]
    for relation, names in found.items():
        for name in dict.fromkeys(names):
            stem, _, kind = name.rpartition(".")
            if kind not in _KINDS or stem == unit.stem:  # its own service or socket is a part of it
                continue
            os.makedirs(f"{bundle}/{relation}", 0o755, exist_ok=True)
            to = f"{where.targets if kind == 'target' else where.services}/{stem}"
            if not os.path.lexists(f"{bundle}/{relation}/{stem}"):
                os.symlink(to, f"{bundle}/{relation}/{stem}")


def _by_default(unit: Unit, service: Unit) -> list[tuple[str, str]]:
    found = [("wants", "basic.target"), ("after", "basic.target")]
    found += [("before", "shutdown.target"), ("stopped-by", "shutdown.target")]
    if unit.kind != "service":
        found.append(("wanted-by", f"{unit.kind}s.target"))
    if service.last("Service", "Type") == "dbus":
        found += [("wants", "dbus.service"), ("after", "dbus.service")]
    return found


def _parts(point: str) -> list[str]:
    """A directory and those above it, but for the root."""
    found = []
    while point.startswith("/") and (point := point.rstrip("/")):
        found.append(point)
        point = os.path.dirname(point)
    return found
