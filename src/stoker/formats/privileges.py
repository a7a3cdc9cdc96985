"""Solaris' privileges as Linux's capabilities, where one is the other (privileges(7),
capabilities(7)).

Honest where what is given is the power that was asked for, and no more. What Linux lets everybody
do (Solaris' basic set) needs no capability, and cannot be taken away.
"""

from __future__ import annotations

__all__ = ["BASIC", "capabilities_of"]

BASIC = frozenset(
    ("basic", "file_link_any", "file_read", "file_write", "net_access", "proc_exec", "proc_fork",
     "proc_info", "proc_session", "proc_secflags")
)  # fmt: skip
"""What everybody has."""

_ALL = ("all", "zone", ":default", "default")
_SAME = {
    "file_chown": ("chown",),
    "file_dac_execute": ("dac_override",),
    "file_dac_read": ("dac_read_search",),
    "file_dac_search": ("dac_read_search",),
    "file_dac_write": ("dac_override",),
    "file_owner": ("fowner",),
    "file_setid": ("fsetid",),
    "ipc_dac_read": ("ipc_owner",),
    "ipc_dac_write": ("ipc_owner",),
    "ipc_owner": ("ipc_owner",),
    "net_icmpaccess": ("net_raw",),
    "net_privaddr": ("net_bind_service",),
    "net_rawaccess": ("net_raw",),
    "proc_audit": ("audit_write",),
    "proc_chroot": ("sys_chroot",),
    "proc_lock_memory": ("ipc_lock",),
    "proc_owner": ("kill", "sys_ptrace"),
    "proc_priocntl": ("sys_nice",),
    "proc_setid": ("setuid", "setgid"),
    "sys_acct": ("sys_pacct",),
    "sys_audit": ("audit_control",),
    "sys_ip_config": ("net_admin",),
    "sys_net_config": ("net_admin",),
    "sys_resource": ("sys_resource",),
    "sys_time": ("sys_time",),
}


def capabilities_of(user: str, text: str) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """What a list of privileges comes to, and those of its words that nothing here stands for.

    None: everything that the user has, because everything was asked for or nothing was said; and of
    root, where a word is not understood: it would lack what nobody meant to take.
    """
    words = text.replace(",", " ").split()
    if not words or any(word in _ALL for word in words):
        return None, tuple(word for word in words if word.startswith("!"))
    given = [word for word in words if word not in BASIC]
    unknown = tuple(word for word in given if word not in _SAME)
    lacking = any(not word.startswith("!") for word in unknown)
    if lacking and user in ("", "root", "0"):
        return None, unknown
    found = dict.fromkeys(name for word in given for name in _SAME.get(word, ()))
    return tuple(found), unknown
