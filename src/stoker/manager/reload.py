"""Reading the definitions again: a short-lived process reads the files, the manager takes the
difference over.

The manager parses no text of people's: the process writes the blob RUN/definitions, and only what
changed reaches the engine. A dry run has a runtime directory of its own, so that nothing of ours
changes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from stoker.errors import Failed, StokerError
from stoker.linux import Loop, Timer
from stoker.model import (
    Compiled,
    Definition,
    Place,
    changed_fields,
    decode_compiled,
    display,
)
from stoker.process import Executor

__all__ = ["Compile", "bad_files", "changes", "compile_argv", "load", "mistakes"]

_PATIENCE = 240  # seconds; a client waits 300 for the answer
_CODE = (
    "import sys; sys.path[:0] = {path!r}; from stoker.formats import compile_main; compile_main()"
)


def load(path: str) -> Compiled:
    """The blob. Raises StokerError when there is none or it cannot be read."""
    try:
        with open(path, "rb") as file:
            return decode_compiled(file.read())
    except OSError as error:
        raise Failed(
            f"the compiled definitions {path} cannot be read: {error.strerror}",
            hint="`stoker reload` writes them again",
        ) from None


def compile_argv(runtime: str) -> tuple[str, ...]:
    """The command of the compile step."""
    path = [entry for entry in sys.path if entry]
    return (sys.executable, "-I", "-S", "-c", _CODE.format(path=path), runtime)


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


class Compile:
    """One compile step. `done(compiled | error)` is called from the loop, once. A step that does
    not end, because a disk does not answer, say, must not hold up those behind it for ever.
    """

    def __init__(
        self,
        loop: Loop,
        executor: Executor,
        place: Place,
        done: Callable[[Compiled | StokerError], object],
        dry: bool,
    ) -> None:
        self._place = place
        self._done = done
        self._runtime = place.runtime
        self._dry = dry
        self._alarm: Timer | None = None
        try:
            if dry:
                self._apart()
            environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}
            if "HOME" in os.environ:
                environment["HOME"] = os.environ["HOME"]
            step = executor.helpers.run(compile_argv(self._runtime), environment, self._ended)
            late = time.monotonic_ns() + _PATIENCE * 1_000_000_000
            self._alarm = loop.at(late, lambda: self._late(step.pid, step.cancel))
        except OSError as error:
            self._clean()
            done(Failed(f"the definitions cannot be read again: {error.strerror or error}"))

    def _apart(self) -> None:
        """A runtime directory for a dry run, with what the step looks at."""
        self._runtime = os.path.join(self._place.runtime, "dry")
        _remove(self._runtime)
        os.mkdir(self._runtime, 0o700)
        data = self._place.as_dict() | {"runtime": self._runtime}
        with open(os.path.join(self._runtime, "place.json"), "w", encoding="utf-8") as file:
            file.write(Place(**data).to_json())
        with open(self._place.definitions, "rb") as source:
            blob = source.read()
        with open(os.path.join(self._runtime, "definitions"), "wb") as copy:
            copy.write(blob)

    def _late(self, pid: int, cancel: Callable[[], object]) -> None:
        cancel()
        self._clean()
        self._done(
            Failed(
                f"the definitions could not be read within {_PATIENCE} s: the compile step (pid "
                f"{pid}) was killed",
                hint="does a disk or a file server not answer? What is loaded goes on as it was",
            )
        )

    def _ended(self, status: int, _output: bytes) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        found: Compiled | StokerError
        try:
            if status != 0:
                raise Failed(
                    f"the definitions could not be read: the compile step ended with {status}",
                    hint="`stoker logs --manager` has what it said",
                )
            found = load(os.path.join(self._runtime, "definitions"))
        except StokerError as error:
            found = error
        self._clean()
        self._done(found)

    def _clean(self) -> None:
        if self._dry and self._runtime != self._place.runtime:
            _remove(self._runtime)


def _remove(directory: str) -> None:
    """Remove a directory of plain files; harmless when it is not there."""
    try:
        for name in os.listdir(directory):
            os.unlink(os.path.join(directory, name))
        os.rmdir(directory)
    except OSError:  # never made, or somebody is faster: what is left is used by nobody
        pass
