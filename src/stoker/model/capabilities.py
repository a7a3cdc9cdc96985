"""Linux's capabilities by name and number (capabilities(7))."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["CAPABILITIES", "capability_mask"]

CAPABILITIES = {
    name: number
    for number, name in enumerate(
        (
            "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid",
            "setuid", "setpcap", "linux_immutable", "net_bind_service", "net_broadcast",
            "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio",
            "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
            "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write",
            "audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm",
            "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
        )
    )
}  # fmt: skip
"""Name, as a definition has it, to number. In the kernel's order."""


def capability_mask(names: Iterable[str]) -> int:
    """The set of these as the kernel has it, a bit each. Raises KeyError for what is none."""
    return sum(1 << CAPABILITIES[name] for name in set(names))
