"""What stands behind each subcommand of system-control, for who asks for help."""

from __future__ import annotations

__all__ = ["USAGES", "overview"]

_JOB = "[--user] [--verbose] [--pretend] NAME…"
_NAMES = "[--user] NAME…"
_MACHINE = "[--user] [--force]"
_GROUPS = {
    "start activate isolate": _JOB,
    "stop deactivate": _JOB,
    "reset": _JOB,
    "try-restart try-reload-or-restart condrestart force-reload": _NAMES,
    "hangup": _NAMES,
    "unload-when-stopped": _NAMES,
    "status": "[--user] [--log-lines COUNT] NAME…",
    "show show-json": _NAMES,
    "find": "[--user] [--prefix TEXT] NAME…",
    "cat": _NAMES,
    "is-active is-loaded is-enabled": "[--user] NAME",
    "is-service-manager-client": "[--user]",
    "enable reenable": "[--user] [--prefix TEXT] NAME…",
    "disable": "[--user] [--prefix TEXT] NAME…",
    "preset": "[--user] [--dry-run] [--prefix TEXT] [--no-systemd] [--no-rcconf]\n"
    "    [--rcconf-file FILE] [--ttys] [--fstab] NAME…",
    "set-service-env": "[--user] NAME VARIABLE [VALUE]",
    "print-service-env": "[--user] [--full] NAME [VARIABLE]",
    "nagios-check-service": "[--user] [-s SECONDS] [--critical-if-below-min] NAME…",
    "escape": "[--alt-escape [--no-ext-escape]] [--prefix TEXT] NAME…",
    "convert-systemd-units": "[--user] [--bundle-root DIR] [--etc-bundle] [--local-bundle]\n"
    "    [--escape-instance] [--escape-prefix] [--alt-escape [--no-ext-escape]]\n"
    "    [--no-systemd-quirks] [--no-generation-comment] UNIT",
    "convert-fstab-services": "[--overwrite] [--etc-bundle] [--bundle-root DIR]",
    "write-volume-service-bundles": "[--overwrite] [--etc-bundle] [--bundle-root DIR]\n"
    "    [--want-fsck] [--mount-options LIST] TYPE SOURCE DIRECTORY",
    "get-mount-what": "DIRECTORY",
    "get-mount-where": "SOURCE",
    "write-standard-targets": "[--user] [DIRECTORY]",
    "version": "",
    "halt poweroff reboot powercycle": _MACHINE,
    "fasthalt fastpoweroff fastreboot fastpowercycle": "[--user]",
    "normal default": "[--user]",
    "rescue single": "",
    "emergency": "",
    "init": "[MODE…]",
    "load-kernel-module": "MODULE…",
    "unload-kernel-module": "MODULE…",
}
"""Subcommands that are the same, by their names: their options and operands."""

USAGES = {name: text for names, text in _GROUPS.items() for name in names.split()}
"""Each subcommand: its options and operands."""


def overview() -> str:
    """All of them, a line each; those that are the same together."""
    return "\n".join(f"  {names.replace(' ', ', ')}" for names in _GROUPS)
