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

__all__ = ["COMMANDS", "SYSTEMS", "properties", "run"]

COMMANDS: dict[str, tuple[str, str, str]] = {
    "sysmgr": ("sysmgr", "manager", "keep the scripts of SYSDIR running"),
    "runsyssv": ("sysmgr", "watch", "watch over one script, without a manager"),
    "svctl": ("sysmgr", "control", "start, stop and look at the services of SYSDIR"),
    "ctstat": ("smf", "ctstat", "show the contracts that processes are held in"),
    "ctwatch": ("smf", "ctwatch", "follow what happens to contracts"),
    "svcadm": ("smf", "svcadm", "enable, disable and act on instances"),
    "svccfg": ("smf", "svccfg", "look at and change what services are configured as"),
    "svcprop": ("smf", "svcprop", "print values of properties"),
    "svcs": ("smf", "svcs", "list instances, and say what is wrong with them"),
    "sysmgr-depends": ("sysmgr", "depends", "wait in a script until other services are up"),
}
"""Name of the command: its system (the package here), its module there, what it does."""

SYSTEMS = tuple(dict.fromkeys(system for system, _module, _text in COMMANDS.values()))
"""The systems, in the order of the registry."""


def run(name: str, arguments: Sequence[str]) -> int:
    """Run a command; returns its exit status. Raises KeyError when there is no such command."""
    system, module, _text = COMMANDS[name]
    main = __import__(f"{__name__}.{system}.{module}", fromlist=["main"]).main
    return int(main(list(arguments)))


def properties(place: Place, say: Callable[[str], object]) -> Properties:
    """The services of a place as property groups, for the native verbs. Raises StokerError."""
    from .smf.native import Properties

    return Properties(place, say)
