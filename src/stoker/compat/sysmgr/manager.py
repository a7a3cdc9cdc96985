"""sysmgr: a stoker manager on SYSDIR that publishes RUNDIR. The process becomes the keeper."""

from __future__ import annotations

import fcntl
import os
import sys

from stoker import __version__
from stoker.errors import Busy, StokerError

from .files import complain, lives, number_in, rundir, sysdir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stoker.model import Place

__all__ = ["find_commands", "main", "place_of_sysdir"]

USAGE = """usage: sysmgr

Keeps the executables of the service directory running.

SYSDIR (service directory): {sysdir}
RUNDIR (run directory):     {rundir}
stoker {version}"""


def main(arguments: list[str]) -> int:
    """The command. Does not return once the keeper runs."""
    if arguments:
        print(USAGE.format(sysdir=sysdir(), rundir=rundir(), version=__version__))
        return 1
    try:
        return _start()
    except StokerError as error:
        complain("sysmgr", error)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return error.exit_status or 1
    except OSError as error:
        complain("sysmgr", f"{error.filename or rundir()}: {error.strerror}")
        return 1


def _start() -> int:
    from stoker.client import Launch, exec_keeper, is_up, prepare
    from stoker.formats import compile_place
    from stoker.model import encode_compiled

    from .standin import install

    services, run = os.path.abspath(sysdir()), os.path.abspath(rundir())
    os.listdir(services)  # the reason why it cannot be opened
    os.makedirs(run, 0o755, exist_ok=True)
    _alone(run)
    # What services are given, whether it was set or not.
    os.environ["SYSDIR"], os.environ["RUNDIR"] = services, run
    find_commands(os.path.dirname(os.path.abspath(sys.argv[0])))
    place = place_of_sysdir(services, run)
    with Launch(place):
        if is_up(place):
            raise Busy(f"another manager has {services}", hint=f"stoker -C {services} status")
        install(os.path.join(place.state, "runsyssv"))
        compiled = compile_place(place)
        for mistake in compiled.mistakes:
            complain("sysmgr", mistake)
        prepare(place, encode_compiled(compiled))
        exec_keeper(place)


def find_commands(folder: str) -> None:
    """Have scripts find `sysmgr-depends` where `sysmgr` was called by its path, as from an inittab
    whose PATH does not have the directory of our commands.
    """
    path = os.environ.get("PATH") or os.defpath
    if any(os.access(f"{one}/sysmgr-depends", os.X_OK) for one in path.split(":")):
        return
    if os.access(f"{folder}/sysmgr-depends", os.X_OK):
        os.environ["PATH"] = f"{path}:{folder}"


def _alone(run: str) -> None:
    """Nobody else shows services there. Raises Busy, OSError."""
    fd = os.open(run, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = number_in(f"{run}/pid")
        raise Busy(f"{run} is in use: sysmgr {pid} has it") from None
    finally:
        os.close(fd)
    pid = lives(f"{run}/pid")
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            original = file.read() == b"sysmgr\n"
    except OSError:
        return  # there is nobody
    if original and pid != os.getpid():
        raise Busy(f"{run} is in use: sysmgr {pid} has it")


def place_of_sysdir(services: str, run: str) -> Place:
    """The place of a service directory: what is ours lies in it, or in RUNDIR where it may not be
    written.
    """
    from stoker.client import place_of

    place = place_of(services if _writable(services) else run)
    place.directories = [services]
    place.settings = [os.path.join(services, ".stoker.toml")]
    place.published = run
    try:
        place.working_directory = os.getcwd()
    except OSError:  # it is gone; services then stand where nothing can be missing
        place.working_directory = "/"
    return place


def _writable(services: str) -> bool:
    """Whether our directory is there, or can be made there, and can be written."""
    ours = os.path.join(services, ".stoker")
    if os.path.isdir(ours):
        return os.access(ours, os.W_OK | os.X_OK)
    return os.access(services, os.W_OK | os.X_OK)
