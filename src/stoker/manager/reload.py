"""Reading the definitions again: a short-lived process reads the files, the manager takes the
difference over.

The manager parses no text of people's: the process writes the blob RUN/definitions, and only what
changed reaches the engine. A dry run has a directory of its own, so that nothing of ours changes;
so has a manager that begins and finds none that can be read, from a disk that failed or of another
version of ours: it can do nothing before it knows what its records are about.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from stoker.errors import Failed, StokerError
from stoker.linux import Loop, Timer
from stoker.model import Compiled, Definition, Place, changed_fields, display
from stoker.process import Executor

from .papers import Papers

__all__ = ["PATIENCE", "Compile", "Step", "bad_files", "changes", "definitions", "mistakes"]

PATIENCE = 240
"""Seconds that the definitions may take to be compiled. Who asks for it waits 300 for the answer.
Who comes while a manager begins gives up sooner, and is told where the log is, which says it.
"""

_CODE = (
    "import sys; sys.path[:0] = {path!r}; from stoker.formats import compile_main; compile_main()"
)


def mistakes(compiled: Compiled) -> list[dict[str, Any]]:
    """As clients get them."""
    return [msgspec.structs.asdict(one) for one in compiled.mistakes]


def bad_files(compiled: Compiled) -> str:
    """One sentence about what could not be read, and what goes on as it was; "" for nothing."""
    errors = compiled.errors
    if not errors:
        return ""
    more = f" (and {len(errors) - 1} more mistakes)" if len(errors) > 1 else ""
    text = f"definitions: {errors[0]}{more}"
    if compiled.kept:
        names = ", ".join(display(fmri) for fmri in compiled.kept[:5])
        rest = f" and {len(compiled.kept) - 5} more" if len(compiled.kept) > 5 else ""
        text += f"; {names}{rest}: the last good definition holds"
    return text.replace("\n", " ")


def changes(
    old: Mapping[str, Definition],
    new: Mapping[str, Definition],
    running: Iterable[str],
    wanted: Callable[[str, Definition], bool],
) -> list[dict[str, Any]]:
    """What a reload does to each instance that differs: {fmri, action, fields, why}, sorted by
    FMRI.

    `action`: start, stop, restart, live or none. `running`: instances that have a process;
    `wanted`: whether an instance would be up by its new definition and everybody's choices.
    """
    up = set(running)
    rows = []
    for fmri in sorted({*old, *new}):
        before, after = old.get(fmri), new.get(fmri)
        if after is None:
            action = "stop" if fmri in up else "none"
            rows.append(_row(fmri, action, {}, "its definition is gone"))
        elif before is None:
            action = "start" if wanted(fmri, after) else "none"
            rows.append(_row(fmri, action, {}, "its definition is new"))
        else:
            fields = changed_fields(before, after)
            if fields:
                rows.append(_row(fmri, *_difference(fmri, fields, after, up, wanted)))
    return rows


def _difference(
    fmri: str,
    fields: dict[str, str],
    after: Definition,
    up: set[str],
    wanted: Callable[[str, Definition], bool],
) -> tuple[str, dict[str, str], str]:
    named = ", ".join(sorted(name for name, effect in fields.items() if effect == "restart"))
    if fmri in up and not wanted(fmri, after):
        return "stop", fields, "it is not enabled any more"
    if fmri not in up:
        return ("start" if wanted(fmri, after) else "none"), fields, "it was not running"
    if named and after.later:
        return "live", fields, f"{named} from the next start on"
    if named:
        return "restart", fields, f"a new process is needed for {named}"
    return "live", fields, "takes effect without a new process"


def _row(fmri: str, action: str, fields: dict[str, str], why: str) -> dict[str, Any]:
    return {"fmri": fmri, "action": action, "fields": fields, "why": why}


class Step:
    """One compile step: its command, where it works, and what it leaves there.

    It works in the runtime directory; with `before`, the blob that it is to compare with, in a
    directory of its own. Raises OSError.
    """

    def __init__(self, place: Place, before: bytes | None = None) -> None:
        self._own = before is not None
        self.directory = place.runtime
        if before is not None:
            self.directory = _apart(place.runtime)
            try:
                self._write("place.json", place.to_json().encode())
                self._write("definitions", before)
            except OSError:
                self.close()
                raise

    def _write(self, name: str, data: bytes) -> None:
        with open(os.path.join(self.directory, name), "wb") as file:
            file.write(data)

    @property
    def argv(self) -> tuple[str, ...]:
        """Its command."""
        path = [entry for entry in sys.path if entry]
        return (sys.executable, "-I", "-S", "-c", _CODE.format(path=path), self.directory)

    @property
    def environment(self) -> dict[str, str]:
        """Its environment."""
        found = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}
        return found | ({"HOME": os.environ["HOME"]} if "HOME" in os.environ else {})

    @property
    def blob(self) -> str:
        """What it writes."""
        return os.path.join(self.directory, "definitions")

    def result(self, status: int) -> Compiled:
        """What it has written, when it ended with this status. Raises StokerError."""
        if status != 0:
            raise Failed(
                f"the definitions could not be read: the compile step ended with {status}",
                hint="`stoker logs --manager` has what it said",
            )
        return Papers(self.directory).definitions()

    def close(self) -> None:
        """Nobody needs what it left."""
        if self._own:
            _remove(self.directory)


def definitions(papers: Papers, place: Place, said: Callable[[str], object]) -> Compiled:
    """Those that a manager begins with. What cannot be read is compiled now, and waited for. Raises
    StokerError.
    """
    try:
        return papers.definitions()
    except StokerError as error:
        said(f"{error}; they are compiled again, and I serve nobody before (at most {PATIENCE} s)")
    try:
        step = Step(place, b"")
        try:
            found = step.result(_run(step))
            papers.replace("definitions", step.blob)
        finally:
            step.close()
    except OSError as error:
        raise _impossible(error) from None
    return found


def _run(step: Step) -> int:
    """Run it to its end; its status. Raises OSError, Failed."""
    argv = step.argv
    pid = os.posix_spawn(argv[0], argv, step.environment, setsigmask=())
    fd = os.pidfd_open(pid)
    try:
        waiting = select.poll()
        waiting.register(fd, select.POLLIN)
        late = not waiting.poll(PATIENCE * 1000)
        if late:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
    finally:
        os.close(fd)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if late:
        raise _too_late(pid)
    return status


class Compile:
    """A step that the loop waits for. `done(compiled | error)` is called once. One that does not
    end, because a disk does not answer, say, must not hold up those behind it for ever.
    """

    def __init__(
        self,
        loop: Loop,
        executor: Executor,
        place: Place,
        done: Callable[[Compiled | StokerError], object],
        dry: bool,
    ) -> None:
        self._done = done
        self._step: Step | None = None
        self._alarm: Timer | None = None
        try:
            self._step = Step(place, _contents(place.definitions) if dry else None)
            program = executor.helpers.run(self._step.argv, self._step.environment, self._ended)
            late = time.monotonic_ns() + PATIENCE * 1_000_000_000
            self._alarm = loop.at(late, lambda: self._late(program.pid, program.cancel))
        except OSError as error:
            self._end(_impossible(error))

    def _late(self, pid: int, cancel: Callable[[], object]) -> None:
        cancel()
        self._end(_too_late(pid))

    def _ended(self, status: int, _output: bytes) -> None:
        assert self._step is not None
        if self._alarm is not None:
            self._alarm.cancel()
        found: Compiled | StokerError
        try:
            found = self._step.result(status)
        except StokerError as error:
            found = error
        self._end(found)

    def _end(self, found: Compiled | StokerError) -> None:
        if self._step is not None:
            self._step.close()
        self._done(found)


def _impossible(error: OSError) -> Failed:
    return Failed(f"the definitions cannot be read again: {error.strerror or error}")


def _too_late(pid: int) -> Failed:
    return Failed(
        f"the definitions could not be read within {PATIENCE} s: the compile step (pid {pid}) was "
        "killed",
        hint="does a disk or a file server not answer? What runs goes on",
    )


def _contents(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _apart(runtime: str) -> str:
    """A new directory that is ours alone: in the runtime directory; where that is gone, which may
    not be ours to make (a user's goes when he logs out), where everybody may.
    """
    path = os.path.join(runtime, "apart")
    _remove(path)
    try:
        os.mkdir(path, 0o700)
    except OSError:
        path = f"/tmp/stoker-{os.urandom(8).hex()}"
        os.mkdir(path, 0o700)
    return path


def _remove(directory: str) -> None:
    """Remove a directory of plain files; harmless when it is not there."""
    try:
        for name in os.listdir(directory):
            os.unlink(os.path.join(directory, name))
        os.rmdir(directory)
    except OSError:  # never made, or somebody is faster: what is left is used by nobody
        pass
