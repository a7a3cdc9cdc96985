"""Who it was, as far as files tell: no credentials come here, modes of files are the law."""

from __future__ import annotations

import grp
import os
import pwd

__all__ = ["account", "members_of"]


def members_of(directory: str) -> str:
    """Those whom the directory's group lets write there: nobody says which of them it was."""
    try:
        return f"group {grp.getgrgid(os.stat(directory).st_gid).gr_name}"
    except (OSError, KeyError):  # gone, or a group without a name
        return "somebody"


def account(uid: int) -> str:
    """The owner of a file, by name where there is one."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
