"""socket-listen: open sockets and become a program that has them. What socket units are converted
to.

    socket-listen [--accept] [OPTION…] [TYPE:]ADDRESS… -- PROGRAM [ARGUMENT…]

The program has them from descriptor 3 on, as sd_listen_fds(3) tells it. With --accept, there is one
for each connection, which it has as its input and output.
"""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
import sys

import stoker
from stoker.errors import Failed, StokerError, UsageError

from .becoming import become
from .bundles import asked_for_help, complain, options

__all__ = ["main"]

PROGRAM = "socket-listen"
_FIRST = 3
_CANNOT = 111
_MOST = 2**31 - 1
_TYPES = ("stream", "datagram", "seqpacket")
_VALUED = ("--backlog", "--mode", "--user", "--group", "--name", "--connection-limit")
_HELP = (
    "[--accept [--connection-limit N]] [--backlog N] [--mode M] [--user U] [--group G]\n"
    "           [--name NAME] [TYPE:]ADDRESS… -- PROGRAM [ARGUMENT…]\n\n"
    f"  TYPE is one of {', '.join(_TYPES)}; ADDRESS is [HOST]:PORT, /PATH or @NAME."
)


def main(arguments: list[str]) -> int:
    """The command: it becomes the program. 1 and 111 when that cannot be."""
    if asked_for_help(PROGRAM, arguments, _HELP):
        return 0
    if "--" not in arguments or arguments[-1] == "--":
        complain(PROGRAM, "-- and a program are needed")
        return 1
    border = arguments.index("--")
    words, program = arguments[:border], arguments[border + 1 :]
    try:
        given = options(words, {"--accept": "--accept"}, {one: one for one in _VALUED})
        _number("--connection-limit", given.get("--connection-limit", "0"), 10, _MOST)
        if not words:
            raise UsageError("an address is needed")
        if "--accept" in given and any(one.startswith("datagram:") for one in words):
            raise UsageError("--accept: no connections come to a datagram socket")
        fds = [_open(one, given) for one in words]
    except (StokerError, OSError) as error:
        complain(PROGRAM, getattr(error, "strerror", None) or error)
        return 1
    _arrange(fds)
    names = ":".join([given.get("--name", "unknown")] * len(fds))
    os.environ |= {"LISTEN_FDS": str(len(fds)), "LISTEN_PID": str(os.getpid())}
    os.environ["LISTEN_FDNAMES"] = names
    if "--accept" in given:
        program = _for_each(program, given.get("--connection-limit", ""))
    try:
        become(program)
    except OSError as error:
        complain(PROGRAM, f"{program[0]}: {error.strerror}")
        return _CANNOT


def _for_each(program: list[str], limit: str) -> list[str]:
    """The program of ours that does it: a file that stands alone, and is never imported here."""
    activator = os.path.join(os.path.dirname(stoker.__file__), "process", "activator.py")
    said = [f"copies={limit}"] if limit else []
    return [sys.executable, "-I", "-S", activator, "each", *said, "--", *program]


def _open(text: str, given: dict[str, str]) -> int:
    """One of the sockets. Raises OSError with a whole sentence, UsageError."""
    from stoker.linux import listening

    kind, sign, address = text.partition(":")
    if not sign or kind not in _TYPES:
        kind, address = "stream", text
    if not address.startswith(("/", "@")) and not _is_port(*address.rpartition(":")[::2]):
        raise UsageError(f"{text} is no address")
    return listening.open_socket(
        kind,
        address,
        backlog=_number("--backlog", given.get("--backlog", "4096"), 10, _MOST),
        mode=_number("--mode", given.get("--mode", "0666"), 8, 0o7777),
        uid=_id("--user", given),
        gid=_id("--group", given),
    )


def _number(option: str, text: str, base: int, most: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if not 0 <= number <= most:
        raise UsageError(f"{option} needs a number, not {text}")
    return number


def _is_port(host: str, port: str) -> bool:
    import ipaddress

    try:
        if host:
            ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return port.isdecimal() and int(port) < 65536


def _id(option: str, given: dict[str, str]) -> int:
    name = given.get(option, "")
    if not name:
        return -1
    if name.isdecimal():
        return _number(option, name, 10, _MOST)
    try:
        return pwd.getpwnam(name).pw_uid if option == "--user" else grp.getgrnam(name).gr_gid
    except KeyError:
        raise Failed(f"{option}: there is no {name}") from None


def _arrange(fds: list[int]) -> None:
    """Have the sockets from descriptor 3 on."""
    beyond = _FIRST + len(fds)
    for at, fd in enumerate([fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, beyond) for fd in fds]):
        os.dup2(fd, _FIRST + at)
