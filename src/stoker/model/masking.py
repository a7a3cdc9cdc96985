"""Secrets: which values are never shown."""

from __future__ import annotations

import re

__all__ = ["mask"]

_SECRET = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|KEY|CREDENTIAL|PRIVATE", re.IGNORECASE
)
_USERINFO = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]*@")
_HIDDEN = "********"


def mask(name: str, value: str) -> str:
    """`value` as it may be shown: hidden when `name` says that it is secret; a password in a URL is
    hidden always.
    """
    if value and _SECRET.search(name):
        return _HIDDEN
    return _USERINFO.sub(rf"\1:{_HIDDEN}@", value)
