"""Service and supervise directories that clients have loaded into a running manager (nosh's RPC).

The list stands in a file of the runtime directory: the door that takes the datagrams writes it, and
reading the definitions reads it.
"""

from __future__ import annotations

import msgspec

from stoker.errors import UsageError

__all__ = ["Loaded", "decode_loaded", "encode_loaded"]


class Loaded(msgspec.Struct, omit_defaults=True):
    """One of them, by absolute paths. `name`: for messages alone. `remain`: it runs on when empty.
    `piped`: it reads a pipe. `plumb`: the supervise directory whose pipe it writes to. `activate`:
    the first input starts it, once. `known`: it is there by files of the place, and only the rest
    is said here.
    """

    supervise: str
    service: str
    name: str = ""
    remain: bool = False
    piped: bool = False
    plumb: str = ""
    activate: bool = False
    known: bool = False


def encode_loaded(rows: list[Loaded]) -> bytes:
    """The text of the list."""
    return msgspec.json.encode(rows)


def decode_loaded(data: bytes) -> list[Loaded]:
    """The inverse. Raises UsageError for what is no such list."""
    try:
        return msgspec.json.decode(data, type=list[Loaded])
    except (msgspec.DecodeError, ValueError) as wrong:
        raise UsageError(f"not a list of loaded directories: {wrong}") from None
