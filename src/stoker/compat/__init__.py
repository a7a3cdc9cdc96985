"""Commands of other systems, under their own names: same words, output, streams and exit statuses.

Each system is a package of its own here, each command a module in it with ``main(arguments) ->
exit status``. `COMMANDS` is the registry: whoever adds a command adds a row. They are reached as
``stoker NAME …``, and under their own names by links that ``stoker install-commands`` makes: the
program ``stoker`` looks at the name it was called by.

Invariants: what another system's pages promise of a command holds here to the letter; what is
better here is said in the documents. No command has special access: files that everybody may
touch, or the control socket.

Must not: be imported by anything but the command line; make the ordinary verbs wait (this module
imports nothing).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stoker.model import Place

    from .smf.native import Properties

__all__ = ["ASKED_FOR", "COMMANDS", "SYSTEMS", "properties", "run"]

COMMANDS: dict[str, tuple[str, str, str]] = {
    "sysmgr": ("sysmgr", "manager", "keep the scripts of SYSDIR running"),
    "runsyssv": ("sysmgr", "watch", "watch over one script, without a manager"),
    "svctl": ("sysmgr", "control", "start, stop and look at the services of SYSDIR"),
    "ctstat": ("smf", "ctstat", "show the contracts that processes are held in"),
    "ctwatch": ("smf", "ctwatch", "follow what happens to contracts"),
    "inetadm": ("smf", "inetadm", "show and change what inetd serves"),
    "inetconv": ("smf", "inetconv", "make manifests of an inetd.conf"),
    "svcadm": ("smf", "svcadm", "enable, disable and act on instances"),
    "svccfg": ("smf", "svccfg", "look at and change what services are configured as"),
    "svcprop": ("smf", "svcprop", "print values of properties"),
    "svcs": ("smf", "svcs", "list instances, and say what is wrong with them"),
    "system-control": ("nosh", "system_control", "act on bundles: start, stop, enable, look"),
    "service-control": ("nosh", "service_control", "write commands to supervise directories"),
    "svc": ("nosh", "service_control:svc", "the same"),
    "service-status": ("nosh", "service_status", "say what services are doing, at length"),
    "svstat": ("nosh", "service_status:svstat", "say what services are doing, a line each"),
    "service-show": ("nosh", "service_show", "show everything about bundles, for programs"),
    "service-is-up": ("nosh", "asking:is_up", "ask whether a service runs"),
    "service-is-ok": ("nosh", "asking:is_ok", "ask whether a service is supervised"),
    "svok": ("nosh", "asking:svok", "the same"),
    "service-is-enabled": ("nosh", "asking:is_enabled", "ask whether a service is enabled"),
    "service-dt-scanner": ("nosh", "scanner", "load and start what appears in a directory"),
    "svscan": ("nosh", "scanner:svscan", "the same"),
    "socket-listen": ("nosh", "listening", "open sockets and become a program that has them"),
    "timer-wait": ("nosh", "timing", "wait until something is due, then become a program"),
    "service-manager": ("nosh", "service_manager", "serve the RPC alone, on a socket given"),
    "chkservice": ("nosh", "chkservice", "show the states of bundles, filling the terminal"),
    "wants2dot": ("nosh", "graphs:wants", "draw which bundles start which along"),
    "wanted2dot": ("nosh", "graphs:wanted", "draw what bundles would be wanted by if enabled"),
    "ordering2dot": ("nosh", "graphs:ordering", "draw which bundles come before which"),
    "conflicts2dot": ("nosh", "graphs:conflicts", "draw which bundles stop which by starting"),
    "stopped2dot": ("nosh", "graphs:stopped", "draw what bundles would be stopped by if enabled"),
    "cyclog": ("nosh", "logging:cyclog", "keep standard input in a log directory, within bounds"),
    "tai64n": ("nosh", "logging:tai64n", "put a TAI64N label before each line"),
    "tai64nlocal": ("nosh", "logging:tai64nlocal", "show TAI64N labels as local times"),
    "systemctl": ("shims", "commands:systemctl", "system-control, by systemd's name"),
    "service": ("shims", "commands:service", "system-control, in sysvinit's words"),
    "invoke-rc.d": ("shims", "commands:invoke_rcd", "system-control, in Debian's words"),
    "update-rc.d": ("shims", "commands:update_rcd", "system-control, in Debian's words"),
    "chkconfig": ("shims", "commands:chkconfig", "system-control, in Red Hat's words"),
    "rc-service": ("shims", "commands:rc_service", "system-control, in OpenRC's words"),
    "rc-update": ("shims", "commands:rc_update", "system-control, in OpenRC's words"),
    "rcctl": ("shims", "commands:rcctl", "system-control, in OpenBSD's words"),
    "initctl": ("shims", "commands:initctl", "system-control, in Upstart's words"),
    "start": ("shims", "commands:start", "system-control start, as Upstart has it"),
    "stop": ("shims", "commands:stop", "system-control stop, as Upstart has it"),
    "status": ("shims", "commands:status", "system-control status, as Upstart has it"),
    "runlevel": ("shims", "commands:runlevel", "say that there are no run levels"),
    "init": ("machine", "power:init", "be the system manager, or tell it what to be"),
    "telinit": ("machine", "power:telinit", "tell the system manager what to be"),
    "halt": ("machine", "power:halt", "stop the machine, its power left on"),
    "poweroff": ("machine", "power:poweroff", "stop the machine and switch its power off"),
    "reboot": ("machine", "power:reboot", "stop the machine and start it anew"),
    "powercycle": ("machine", "power:powercycle", "switch the machine's power off and on again"),
    "shutdown": ("machine", "shutdown", "stop the machine at a time, or take that back"),
    "sysmgr-depends": ("sysmgr", "depends", "wait in a script until other services are up"),
}
"""Name of the command: its system (the package here), its module there (with its function, where
that is not `main`), what it does.
"""

SYSTEMS = tuple(dict.fromkeys(system for system, _module, _text in COMMANDS.values()))
"""The systems, in the order of the registry."""

ASKED_FOR = ("shims", "machine")
"""Systems whose commands get links only where they are named: a machine's own init has such."""


def run(name: str, arguments: Sequence[str]) -> int:
    """Run a command; returns its exit status. Raises KeyError when there is no such command."""
    system, module, _text = COMMANDS[name]
    module, _, function = module.partition(":")
    found = __import__(f"{__name__}.{system}.{module}", fromlist=["main"])
    return int(getattr(found, function or "main")(list(arguments)))


def properties(place: Place, say: Callable[[str], object]) -> Properties:
    """The services of a place as property groups, for the native verbs. Raises StokerError."""
    from .smf.native import Properties

    return Properties(place, say)
