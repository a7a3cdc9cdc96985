"""inetconv: manifests from the lines of an inetd.conf (inetconv(8), inetd.conf(5))."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from stoker.errors import Failed, StokerError, UsageError
from stoker.formats import INETD, Service, write_manifest
from stoker.model import Group, Property

from .bundles import Bundles
from .options import letters
from .tree import Tree, failed

__all__ = ["main"]

USAGE = """usage: inetconv [-fn] [-i FILE] [-o DIRECTORY]
       inetconv -e [-i FILE]"""
_FILES = ("/etc/inet/inetd.conf", "/etc/inetd.conf")
_MANIFESTS = "/lib/svc/manifest/network"


class Line(NamedTuple):
    """One service of an inetd.conf."""

    name: str
    kind: str
    proto: str
    wait: bool
    copies: int
    user: str
    command: str

    @property
    def fmri(self) -> str:
        name = self.name if self.name[:1].isalpha() else f"port-{self.name}"
        return f"svc:/network/{name}/{self.proto}"


def main(arguments: list[str]) -> int:
    """The command; its exit status: 0 done, 1 something failed, 2 usage."""
    try:
        words = list(arguments)
        flags, values = letters(words, "fne?h", "io")
        if flags & {"?", "h"}:
            print(USAGE)
            return 0
        if words or ("e" in flags and (flags - {"e"} or "o" in values)):
            raise UsageError("too many words")
    except UsageError as error:
        print(f"inetconv: {error.message}\n{USAGE}", file=sys.stderr)
        return 2
    try:
        lines, wrong = _read(values.get("i") or next(filter(os.path.exists, _FILES), _FILES[1]))
        if "e" in flags:
            Tree().ask("enable", [f"{one.fmri}:default" for one in lines], why="inetconv -e")
            return int(wrong)
        done = _convert(lines, values.get("o", _MANIFESTS), "f" in flags)
        if done and "n" not in flags:
            _import(done)
        return int(wrong or len(done) < len(lines))
    except StokerError as error:
        print(f"inetconv: {failed(error)}", file=sys.stderr)
        return 1


def _read(path: str) -> tuple[list[Line], bool]:
    """The services of a file, and whether there was a line that is none. Raises Failed."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            rows = file.read().splitlines()
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from None
    found, wrong = [], False
    for number, row in enumerate(rows, 1):
        words = row.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            if not row.isascii() and any("\ud800" <= one <= "\udfff" for one in row):
                raise ValueError("it is not UTF-8")
            found.append(_line(words))
        except ValueError as error:
            wrong = True
            print(f"inetconv: {path}:{number}: {error}", file=sys.stderr)
    return found, wrong


def _line(words: list[str]) -> Line:
    """Raises ValueError: why it is no service that can be converted."""
    if len(words) < 6:
        raise ValueError("a service has six fields or more")
    name, kind, proto, wait, user, program, *arguments = words
    if "/" in name or proto.startswith("rpc/"):
        raise ValueError(f"{name}: services of RPC are not served")
    if program == "internal":
        raise ValueError(f"{name}: no service is part of inetd itself")
    wait, _, copies = wait.partition(".")
    if wait not in ("wait", "nowait") or (copies and not copies.isdecimal()):
        raise ValueError(f"{name}: neither wait nor nowait: {wait}")
    if kind not in ("stream", "dgram"):
        raise ValueError(f"{name}: {kind} is neither stream nor dgram")
    if arguments and os.path.basename(arguments[0]) != os.path.basename(program):
        raise ValueError(f"{name}: {program} cannot be given another name ({arguments[0]})")
    command = " ".join([program, *arguments[1:]])
    account = user.partition(".")[0].partition(":")[0]
    return Line(name, kind, proto, wait == "wait", int(copies or 0), account, command)


def _convert(lines: list[Line], folder: str, force: bool) -> list[str]:
    """Write a manifest for each; returns those that were. Raises Failed."""
    done = []
    for one in lines:
        path = os.path.join(folder, f"{one.name}-{one.proto}.xml")
        print(f"{one.name} -> {path}")
        try:
            with open(path, "w" if force else "x", encoding="utf-8") as file:
                file.write(write_manifest([_service(one)], f"inetconv:{one.name}", "manifest"))
        except FileExistsError:
            print(f"inetconv: {path} is there already; -f replaces it", file=sys.stderr)
            continue
        except OSError as error:
            hint = "" if os.path.isdir(folder) else "-o says where to"
            raise Failed(f"{path}: {error.strerror}", hint=hint) from None
        done.append(path)
    return done


def _service(one: Line) -> Service:
    def text(*values: str) -> Property:
        return Property("astring", values)

    inetd = {
        "name": text(one.name),
        "endpoint_type": text(one.kind),
        "proto": text(one.proto),
        "wait": Property("boolean", ("true" if one.wait else "false",)),
        "isrpc": Property("boolean", ("false",)),
    }
    if one.copies:
        inetd["max_copies"] = Property("integer", (str(one.copies),))
    start = {
        "type": text("method"),
        "exec": text(one.command.replace("%", "%%")),
        "timeout_seconds": Property("count", ("0",)),
        "use_profile": Property("boolean", ("false",)),
        "user": text(one.user),
        "group": text(":default"),
    }
    ending = {
        "type": text("method"),
        "exec": text(":kill"),
        "timeout_seconds": Property("count", ("0",)),
    }
    return Service(
        one.fmri,
        groups={
            "general": Group("framework", {"restarter": Property("fmri", (INETD,))}),
            "inetd_start": Group("method", start),
            "inetd_disable": Group("method", ending),
            "inetd": Group("framework", inetd),
            "tm_common_name": Group("template", {"C": Property("ustring", (one.name,))}),
        },
        instances={
            "default": {"general": Group("framework", {"enabled": Property("boolean", ("true",))})}
        },
    )


def _import(paths: list[str]) -> None:
    bundles = Bundles(Tree(), lambda text: print(f"inetconv: {text}", file=sys.stderr))
    bad = bundles.import_files(paths)
    for path in paths:
        print(f"Importing {os.path.basename(path)} ...{'Done' if not bad else ''}")
    if bad:
        raise Failed(f"{bad} could not be imported")
