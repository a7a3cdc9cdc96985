"""Secrets: which values are never shown."""

from __future__ import annotations

import re

__all__ = ["mask"]

# Compiled when they are first needed: every manager loads this.
_SECRET = r"(?i)PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|KEY|CREDENTIAL|PRIVATE"
_USERINFO = r"(?<=://)([^/@\s:]*):[^/@\s]*@"
_HIDDEN = "********"


def mask(name: str, value: str) -> str:
    """`value` as it may be shown: hidden when `name` says that it is secret; a password in a URL is
    hidden always.
    """
    if value and re.search(_SECRET, name):
        return _HIDDEN
    return re.sub(_USERINFO, rf"\1:{_HIDDEN}@", value)
