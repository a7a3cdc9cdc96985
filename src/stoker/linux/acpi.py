"""What ACPI tells of: the power button, the lid, the mains; by generic netlink, as acpid has it.

Family ``acpi_event``, group ``acpi_mc_group`` (kernel, drivers/acpi/event.c); genetlink(7) is not
written, so: kernel, Documentation/userspace-api/netlink/intro.rst.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator

POWER_BUTTON = "button/power"

_CONTROL, _GET_FAMILY = 0x10, 3  # GENL_ID_CTRL, CTRL_CMD_GETFAMILY
_FAMILY_NAME, _GROUPS = 2, 7  # CTRL_ATTR_…
_GROUP_ID = 2  # CTRL_ATTR_MCAST_GRP_ID
_REQUEST, _ERROR = 1, 2  # NLM_F_REQUEST, NLMSG_ERROR
_ADD_MEMBERSHIP, _SOL_NETLINK, _GENERIC = 1, 270, 16
_NESTED = 0x8000  # NLA_F_NESTED, which need not be set
_HEAD = struct.Struct("=IHHII")  # length, type, flags, number, port
_GENERIC_HEAD = 4
_EVENT = 1  # ACPI_GENL_ATTR_EVENT
_MOST = 65536


def listen() -> socket.socket:
    """A socket on which events arrive; it never waits. Raises OSError where there is no ACPI."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _GENERIC)
    try:
        made.bind((0, 0))
        made.settimeout(5.0)
        made.send(_question(b"acpi_event\0"))
        made.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _group(made.recv(_MOST)))
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def events(listener: socket.socket) -> list[str]:
    """The classes of what happened ("button/power"); [] when nothing did. Raises OSError."""
    found: list[str] = []
    while True:
        try:
            data = listener.recv(_MOST)
        except BlockingIOError:
            return found
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # some were lost: others follow
                raise
            continue
        found += classes(data)


def classes(data: bytes) -> list[str]:
    """The device classes in messages of that group."""
    return [
        value[:20].partition(b"\0")[0].decode("ascii", "replace")
        for _kind, body in _messages(data)
        for name, value in _attributes(body[_GENERIC_HEAD:])
        if name == _EVENT
    ]


def _question(name: bytes) -> bytes:
    attribute = struct.pack("=HH", 4 + len(name), _FAMILY_NAME) + name
    body = struct.pack("=BBH", _GET_FAMILY, 1, 0) + attribute + b"\0" * (-len(attribute) % 4)
    return _HEAD.pack(_HEAD.size + len(body), _CONTROL, _REQUEST, 1, 0) + body


def _group(data: bytes) -> int:
    """The number of the first group that an answer tells of. Raises OSError."""
    for kind, body in _messages(data):
        if kind == _ERROR:
            code = -int(struct.unpack_from("=i", body)[0])
            raise OSError(code, "no events of ACPI")
        for name, value in _attributes(body[_GENERIC_HEAD:]):
            if name == _GROUPS:
                for _number, group in _attributes(value):
                    for part, number in _attributes(group):
                        if part == _GROUP_ID:
                            return int(struct.unpack("=I", number)[0])
    raise OSError(errno.ENOENT, "no events of ACPI")


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEAD.size <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if length < _HEAD.size:
            return
        yield kind, data[at + _HEAD.size : at + length]
        at += length + -length % 4


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        yield kind & ~_NESTED, data[at + 4 : at + length]
        at += length + -length % 4
