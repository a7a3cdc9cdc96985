"""Bytecode of what is copied into a root, so that no boot has to compile us.

The first process reads its modules while the root file system is read-only: without bytecode it
would compile them at each boot. It is of the kind that is valid by the hash of its source (PEP
552): when the files' times change, as in a copy of the root, it stays good.
"""

from __future__ import annotations

import importlib.util
import marshal
import os

__all__ = ["cached", "path_of"]

_CHECKED = 0b11  # flags of PEP 552: by hash, and the source is looked at
_HEAD = 16  # bytes: magic number, flags, hash


def path_of(source: str) -> str:
    """Where the bytecode of a source lies."""
    return importlib.util.cache_from_source(source, optimization="")


def cached(source: str, text: bytes, there: bytes = b"") -> bytes:
    """The bytecode file of a source that is read as `text`; `there` if that already is one: two
    compilations need not come to the same bytes. b"" for what cannot be compiled, which nobody
    imports.
    """
    number = importlib.util.MAGIC_NUMBER
    head = number + _CHECKED.to_bytes(4, "little") + importlib.util.source_hash(text)
    if there[:_HEAD] == head:
        return there
    try:
        return head + (_known(source) or marshal.dumps(compile(text, source, "exec", 0, True)))
    except SyntaxError:
        return b""


def _known(source: str) -> bytes:
    """What the interpreter kept when it imported the file itself, if that is not out of date."""
    try:
        with open(path_of(source), "rb") as file:
            data = file.read()
        stat = os.stat(source)
    except OSError:
        return b""  # it was never imported here, or nothing was kept
    stamps = (int(stat.st_mtime) & 0xFFFFFFFF, stat.st_size & 0xFFFFFFFF)
    wanted = b"".join(value.to_bytes(4, "little") for value in (0, *stamps))
    return data[_HEAD:] if data[:_HEAD] == importlib.util.MAGIC_NUMBER + wanted else b""
