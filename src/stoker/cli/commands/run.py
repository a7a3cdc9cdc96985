"""Be the one that runs services and a command beside them: for containers, as PID 1 or not.

This process becomes the keeper. What is written lies in one directory, and services' output goes
where ours goes.
"""

from __future__ import annotations

import os
import signal
import sys

from stoker.errors import Busy, Failed, Refused, StokerError, UsageError

from .. import terminal
from ..call import Call
from ..say import complain
from ..settling import say_mistakes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from stoker.client import Launch
    from stoker.model import Place

__all__ = ["run"]

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""As shells say that a command was not found, and that it cannot be executed."""


def run(call: Call) -> int:
    """Start the place in this process; returns only when that cannot be."""
    from stoker.client import prepare

    directory = _directory(call)
    command: list[str] = call.arguments["command"]
    wrong = _not_executable(command)
    if wrong:
        return wrong
    place, launch = _first_writable(call, directory, bool(command))
    try:
        _define(place, command, bool(call.get("plain")) or directory is None)
        mistakes, blob = _compiled(place, bool(command))
        say_mistakes(mistakes)
        prepare(place, blob)
        _become(place, launch, bool(command))
    finally:
        launch.release()


def _directory(call: Call) -> str | None:
    """The directory of definitions; None: none, the command is all there is. Raises UsageError."""
    if call.get("user") or call.get("system"):
        raise UsageError("run is a place of its own: neither the user's nor the machine's")
    given = [one for one in (call.get("project"), call.arguments["dir"]) if one is not None]
    if not given and call.arguments["command"]:
        return None
    directory = os.path.realpath(os.path.join(os.getcwd(), *given))
    if not os.path.isdir(directory):
        raise UsageError(f"{directory} is not a directory", hint=f"usage: {call.verb.usage}")
    return directory


def _not_executable(command: list[str]) -> int:
    """Say why a command cannot be executed, and return the status that says it; 0 if it can."""
    from shutil import which

    if not command:
        return 0
    name = command[0]
    if which(name) is not None:
        return 0
    there = which(name, os.F_OK) is not None or os.path.isdir(name)
    why = "it is not executable" if there else "there is no such program"
    print(f"stoker: {name}: {why}", file=sys.stderr)
    return NOT_EXECUTABLE if there else NOT_FOUND


def _first_writable(call: Call, directory: str | None, command: bool) -> tuple[Place, Launch]:
    """The first place that can be written, and the lock on it. Raises Refused, Busy, NotYet."""
    from stoker.client import Launch, is_up
    from stoker.model import run_places

    runtime = call.get("runtime_dir")
    if runtime is not None:
        runtime = os.path.abspath(runtime)
    why = []
    for place in run_places(
        directory,
        os.getcwd(),
        os.environ,
        os.getuid(),
        first=os.getpid() == 1,
        runtime=runtime,
    ):
        if command:
            place.directories.append(place.command)
        launch = Launch(place)
        try:
            launch.__enter__()
        except (Refused, Failed) as refused:
            why.append(str(refused))
            continue
        if is_up(place):
            launch.release()
            raise Busy(
                f"something runs in {place.runtime} already",
                hint="another place for this one: --runtime-dir",
            )
        return place, launch
    raise Refused(
        f"there is no directory that can be written: {'; '.join(why)}",
        hint="one is needed, for a socket and for what is remembered: mount a tmpfs there, or name "
        "another with --runtime-dir or STOKER_RUNTIME_DIR",
    )


def _define(place: Place, command: list[str], plain: bool) -> None:
    """Write the definition of the command where the place reads it; remove an earlier one."""
    from stoker.formats import definition_text

    path = f"{place.command}/command.toml"
    if not command:
        if os.path.lexists(path):
            os.unlink(path)
        return
    try:
        " ".join(command).encode()
    except UnicodeEncodeError:
        raise UsageError("the words of the command must be UTF-8") from None
    log = {"mode": "passthrough", "stderr": "apart", "prefix": not plain}
    text = definition_text(
        {
            "description": "what stands behind `stoker run --`",
            "exec_start": terminal.taking(command) if terminal.is_there() else command,
            "working_directory": os.getcwd(),
            "stdin": "inherit",
            "essential": True,
            "restart": {"when": "never"},
            "log": log,
        }
    )
    os.makedirs(place.command, 0o700, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _compiled(place: Place, command: bool) -> tuple[list[dict[str, Any]], bytes]:
    """Read the definitions: mistakes as data, and the blob for the manager. Raises UsageError when
    DIR has a service of the command's name.
    """
    import msgspec

    from stoker.formats import compile_place
    from stoker.model import encode_compiled

    compiled = compile_place(place)
    ours = any(os.path.dirname(one.source) == place.command for one in compiled.definitions)
    if command and not ours:
        raise UsageError(
            f"{place.directories[0]} has a service `command`: so is called what stands behind --",
            hint="give the service another name",
        )
    mistakes = [msgspec.structs.asdict(one) for one in compiled.mistakes]
    return mistakes, encode_compiled(compiled)


def _become(place: Place, launch: Launch, command: bool) -> NoReturn:
    """Become the keeper. A child that goes at once sees whether a manager comes to serve."""
    from stoker.client import exec_keeper

    keeper = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork() == 0:
        try:
            _see(place, launch, keeper)
        finally:
            os._exit(0)
    if command and terminal.is_there():
        terminal.give_up()
    numbers = (0, 1, 2) if command else (1, 2)
    exec_keeper(place, {f"stdio/{number}": number for number in numbers})


def _see(place: Place, launch: Launch, keeper: int) -> None:
    """In the child: a container whose manager never serves is to end, and to say why."""
    from stoker.client import wait_for

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the keeper's affair
    try:
        wait_for(place, keeper).close()
        launch.release()
    except StokerError as error:
        complain(error)
        # Asked twice to end, a keeper whose manager never served ends with 1; two signals, because
        # two of one that come together are one.
        os.kill(keeper, signal.SIGTERM)
        os.kill(keeper, signal.SIGINT)
