"""Short names for long things. BLAKE2 as `hashlib` has it, without what that loads: OpenSSL, which
takes 3 ms and 1.6 MB of every manager.
"""

from __future__ import annotations

try:
    from _blake2 import blake2b  # its C half, in every CPython since 3.6
except ImportError:  # another implementation of Python
    from hashlib import blake2b

__all__ = ["digest"]


def digest(data: bytes, size: int = 8) -> str:
    """`size` bytes of digest of `data`, as hexadecimal text: the same in every process."""
    return blake2b(data, digest_size=size).hexdigest()
