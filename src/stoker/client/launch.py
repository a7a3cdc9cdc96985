"""Starting a place: writes its runtime directory, then runs the keeper.

Written are place.json, definitions (compiled by the caller), environment (the base of every
service's) and mark (what the manager writes into output pipes between runs), all readable by the
owner alone. One `up` at a time does this, under a lock, so that two of them start one keeper.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from typing import NoReturn

from stoker.errors import Busy, Failed, NoManager, NotYet, Refused, StokerError
from stoker.model import Place

from .directories import make_directories, which
from .fast import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Launch",
    "exec_keeper",
    "is_alive",
    "is_up",
    "prepare",
    "record_environment",
    "service_path",
    "start",
    "wait_for",
]

DEADLINE = 60.0
"""Seconds that a keeper and its manager may take until the control socket answers."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NOT_FOR_SERVICES = ("STOKER_", "LISTEN_", "NOTIFY_SOCKET", "WATCHDOG_", "INVOCATION_ID")

# Imported, not run as a script: then it comes from compiled bytecode, and never has the compiler's
# memory. The path as the last: nothing that lies there is taken for the standard library.
_KEEPER = (
    "import sys; sys.path.append({0!r}); "
    "from stoker.keeper import main; sys.exit(main(sys.argv[1:]))"
)

# msgspec imports this if it happens to lie in the same environment, and with it inspect, ast and
# more: 9 ms and 1 MB at each start, for what `typing` has too. None in sys.modules is how Python
# is told that there is no such module ("The module cache", language reference 5.3.1).
_WITHOUT = "sys.modules['typing_extensions'] = None; "

# The manager switches it on when it has served for a moment. Every later one has to: a keeper goes
# on with the command that it was started with.
_NO_SEARCH = "import gc; gc.disable(); "


def is_up(place: Place) -> bool:
    """True if somebody listens on the control socket. Raises Refused when we may not ask."""
    client = Client(place.socket, place)
    try:
        client.open()
    except NoManager:
        return False
    client.close()
    return True


class Launch:
    """One attempt to start a place; as a context manager it holds the lock under which to do it.

    Another `up` of the same place waits meanwhile. Raises Refused where we may not write, Busy
    where a keeper has the place and cannot be asked: nothing of what it runs by was touched then.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._lock = -1

    def __enter__(self) -> Launch:
        if self.place.kind == "system" and os.getuid() != 0:
            raise Refused(
                "only root starts the machine's manager",
                hint="as root: stoker --system up; a manager of your own: stoker --user up",
            )
        try:
            make_directories(self.place)
        except (Refused, Failed):
            _not_lost(self.place)  # else it is no wonder: what was there is somebody's still
            raise
        self._lock = _opened(self.place.runtime + "/starting")
        end = time.monotonic() + DEADLINE
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    os.close(self._lock)
                    raise NotYet(
                        f"another `stoker up` is still starting {self.place.name}",
                        hint=f"its log: {self.place.log}",
                    ) from None
                time.sleep(0.02)
        try:
            # Not sooner: a keeper that another `up` has just started holds no lock yet.
            _free(self.place)
        except StokerError:
            self.release()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.release()

    def release(self) -> None:
        """Let others try."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        kind = Refused if isinstance(error, PermissionError) else Failed
        raise kind(f"{path}: {error.strerror}") from None


def _free(place: Place) -> None:
    """Raises Busy where there is a keeper that nobody can ask."""
    from .lost import holder_of

    if is_up(place):
        return  # whoever is here to start it sees that too
    holder = holder_of(place.runtime)
    if holder:
        raise Busy(f"keeper {holder} has {place.runtime}", hint="`stoker down` ends it")
    _not_lost(place)


def _not_lost(place: Place) -> None:
    """Two keepers for one directory are one too many, though it is a new one. Raises Busy."""
    from .lost import keeper_of

    keeper = keeper_of(place.runtime)
    if keeper:
        raise Busy(
            f"keeper {keeper} still runs what was started here before {place.runtime} was removed",
            hint=f"end it first: stoker {which(place)} down, or kill {keeper}",
        )


def prepare(place: Place, definitions: bytes) -> None:
    """Write what keeper and manager read at their start. To be called under `Launch`. Raises Failed
    when there is no room for it.
    """
    _write(place.definitions, definitions)
    _write(place.file, place.to_json().encode())
    record_environment(place)
    _write(place.runtime + "/mark", os.urandom(8).hex().encode())


def record_environment(place: Place) -> None:
    """Write the base environment of services anew: it is that of the last `up`."""
    _write(place.environment, b"\0".join(_environment(place)))


def service_path(place: Place) -> str:
    """The PATH in which services of a place that is started now find their programs."""
    found = dict(line.partition(b"=")[::2] for line in _environment(place))
    return os.fsdecode(found.get(b"PATH", _PATH.encode()))


def _environment(place: Place) -> list[bytes]:
    """The base environment of services: ours in a project, else a clean one."""
    if place.kind == "project":
        skip = tuple(name.encode() for name in _NOT_FOR_SERVICES)
        kept = (b"STOKER_RUNTIME_DIR",) if place.passes else ()  # it is a whole container's
        ours = os.environb.items()
        return [k + b"=" + v for k, v in ours if k in kept or not k.startswith(skip)]
    import pwd

    found = {"PATH": _PATH}
    try:
        account = pwd.getpwuid(place.uid)
        found.update(HOME=account.pw_dir, USER=account.pw_name, LOGNAME=account.pw_name)
        found["SHELL"] = account.pw_shell or "/bin/sh"
    except KeyError:
        found.update(HOME="/", SHELL="/bin/sh")
    if place.kind == "user":  # where his definitions were found, whatever the table of users says
        found["HOME"] = place.working_directory
    for name in ("LANG", "TZ", *(("XDG_RUNTIME_DIR",) if place.kind == "user" else ())):
        if name in os.environ:
            found[name] = os.environ[name]
    return [os.fsencode(f"{name}={value}") for name, value in found.items()]


def _write(path: str, data: bytes) -> None:
    """Replace a file as a whole, readable by the owner alone."""
    fresh = f"{path}.{os.getpid()}"
    try:
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(fd, left) :]
        finally:
            os.close(fd)
        os.rename(fresh, path)
    except OSError as error:
        if os.path.lexists(fresh):
            os.unlink(fresh)
        raise Failed(f"{path}: {error.strerror}") from None


def keeper_argv(place: Place) -> list[str]:
    """The command that runs the keeper with manager and recorder, isolated and without `site`."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    python = [sys.executable, "-I", "-S"]

    def program(module: str, first: str = "") -> list[str]:
        text = (
            f"{first}import sys; sys.path[:0] = {_paths(package)!r}; {_WITHOUT}"
            f"from {module} import main; sys.exit(main([sys.argv[1]]))"
        )
        return [*python, "-c", text, place.runtime]

    return [
        *python,
        *("-c", _KEEPER.format(os.path.dirname(package))),
        *("--run", place.runtime, "--socket", place.socket, "--log", place.log),
        *(["--pid1"] if os.getpid() == 1 else []),
        "--",
        *program("stoker.daemon", _NO_SEARCH),
        ";",
        *program("stoker.recorder"),
    ]


def _paths(package: str) -> list[str]:
    """Where the manager finds us and the two libraries it needs, each directory once."""
    from importlib.util import find_spec

    found = {os.path.dirname(package): None}
    for name in ("msgspec", "h11"):
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise Failed(f"the library {name} is not installed", hint=f"pip install {name}")
        found[os.path.dirname(os.path.dirname(spec.origin))] = None
    return list(found)


def exec_keeper(place: Place, given: Mapping[str, int] | None = None) -> NoReturn:
    """Become the keeper: for `up` in the foreground, whose pid then is the keeper's. `given`:
    descriptors that it is to hold for the others, by name; it then has the first three to itself,
    whether it is PID 1 or not.
    """
    argv = keeper_argv(place)
    if given is not None:
        at = argv.index("--run")
        rest = [word for word in argv[at:] if word != "--pid1"]
        argv = [*argv[:at], "--take", str(_handover(given)), *rest]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(argv[0], argv)


def _handover(given: Mapping[str, int]) -> int:
    """A file that a keeper reads with --take (the layout stands in ``stoker/keeper.py``): that it
    holds copies of these.
    """
    import fcntl

    packets = ["STOKER-HANDOVER\0001"]
    for name, number in given.items():
        try:
            fd = fcntl.fcntl(number, fcntl.F_DUPFD, 3)
        except OSError:
            continue  # it is closed: then there is none
        packets.append(f"NAME\0{fd}\0{name}")
    packets.append("END")
    memory = os.memfd_create("stoker-handover", 0)
    for packet in map(os.fsencode, packets):
        os.write(memory, len(packet).to_bytes(4, "little") + packet)
    return memory


def start(place: Place) -> Client:
    """Run the keeper detached from us; returns a client once the manager answers.

    To be called under `Launch`, after `prepare`. Raises Busy when another keeper has the place,
    Failed when the keeper ended, NotYet after a deadline.
    """
    argv = keeper_argv(place)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _detach(argv, writer)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader, "rb") as pipe:
        text = pipe.read()  # ends when the keeper has its log open, or has ended
    first, _, told = text.partition(b"\n")
    keeper = int(first) if first.isdigit() else 0
    return wait_for(place, keeper, told.decode("utf-8", "replace").strip())


def _detach(argv: list[str], writer: int) -> NoReturn:
    """In a child: a session of its own, no parent, nothing open but what the keeper needs."""
    status = 1
    try:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.write(writer, b"%d\n" % os.getpid())
        os.dup2(writer, 2)
        os.execv(argv[0], argv)
    except OSError as error:
        os.write(writer, f"{argv[0]}: {error.strerror}".encode())
        status = 127
    finally:
        os._exit(status)


def wait_for(place: Place, keeper: int, told: str = "", deadline: float = DEADLINE) -> Client:
    """A client of a place whose keeper was just started; `told`: what that wrote before its log.

    Raises Busy, Failed, NotYet, each with the last that the log says.
    """
    end = time.monotonic() + deadline
    client = Client(place.socket, place)
    pause = 0.002
    while time.monotonic() < end:
        try:
            client.open()
            client.get("/v1", patience=max(0.1, end - time.monotonic()))
            return client
        except (NoManager, NotYet):
            client.close()
        if " has " in told and "keeper" in told:
            raise Busy(told.removeprefix("stoker: "), hint="`stoker down` ends it")
        if keeper and not is_alive(keeper):
            raise Failed(
                f"the keeper of {place.name} ended: {told or _last(place)}",
                hint=f"its log: {place.log}",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    raise NotYet(
        f"the manager of {place.name} did not answer within {deadline:g} s: {_last(place)}",
        hint=f"its log: {place.log}",
    )


def is_alive(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def _last(place: Place) -> str:
    """The last line of the log."""
    try:
        with open(place.log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 2000))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return "it left no log"
    said = [line for line in lines if line.strip()]
    return said[-1] if said else "it left no log"
