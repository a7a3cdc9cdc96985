"""Where the output of an instance goes: a pipe that outlives its run and its manager, a file, or
nowhere.

One pipe per instance, two where stderr is kept apart. The read end (``log/FMRI``, ``log/FMRI#err``)
is for the recorder, the write end (``in/FMRI``, …) is kept so that no manager's death closes it: a
service never sees EPIPE. An instance that reads what others write (`stdin` "pipe", as nosh plumbs
a log service) has a pipe of its own, ``plumb/FMRI`` and ``to/FMRI``, whose two ends are kept
likewise: what is unread when it dies is read by its next run. All are given to the keeper before
the first process is started. A restart costs no descriptor traffic: the border between two runs is
a marker in the pipe itself, which the recorder cuts out. If the pipe is full the marker is left out
rather than waited for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

from stoker.linux import faults
from stoker.model import Definition

__all__ = ["Outputs", "marker"]

_BATCH = 120  # instances in one PUT: two descriptors each, and a packet takes 250


def marker(nonce: str, run: int, ctid: int) -> bytes:
    """The border in a pipe before the first byte of a run."""
    return b"\0\x1estoker" + nonce.encode() + b" run %d %d\n" % (run, ctid)


def _pipes(definition: Definition) -> tuple[str, ...]:
    """The names, without prefix, of the pipes that a definition asks for."""
    if definition.log.mode in ("file", "none", "service"):
        return ()
    if definition.log.stderr == "apart":
        return (definition.fmri, f"{definition.fmri}#err")
    return (definition.fmri,)


def _plumbing(definition: Definition) -> tuple[str, ...]:
    """The instances whose input must be there before a process of this one starts."""
    target = definition.log.path if definition.log.mode == "service" else ""
    own = definition.fmri if definition.stdin == "pipe" else ""
    return tuple(name for name in (target, own) if name)


class Outputs:
    """All pipes. `put(names to descriptors)` and `drop(names)` are the keeper's; `nonce` stands in
    markers.
    """

    def __init__(
        self,
        put: Callable[[Mapping[str, int]], object],
        drop: Callable[[Iterable[str]], object],
        nonce: str,
        directory: str = "/",
    ) -> None:
        self._put = put
        self._drop = drop
        self._nonce = nonce
        self._directory = directory
        self.ends: dict[str, int] = {}  # write ends by name
        self.inputs: dict[str, tuple[int, int]] = {}  # both ends of what an instance reads
        self.given: dict[str, int] = {}  # what the place itself was given: ``stdio/0`` is its input
        self._owned: dict[str, int] = {}  # uid that the pipe belongs to, where changed
        self.null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)

    def adopt(self, items: Mapping[str, int]) -> None:
        """Take back the write ends that the keeper held (names with their prefix ``in/``)."""
        for name, fd in items.items():
            self.ends[name.removeprefix("in/")] = fd

    def adopt_inputs(self, readers: Mapping[str, int], writers: Mapping[str, int]) -> None:
        """Take back the pipes that instances read (names with their prefix)."""
        for name, reader in readers.items():
            fmri = name.removeprefix("plumb/")
            self.inputs[fmri] = (reader, writers[f"to/{fmri}"])

    def held(self) -> dict[str, int]:
        """What must outlive us, by the names that the keeper has for it."""
        found = self.given | {f"in/{name}": fd for name, fd in self.ends.items()}
        for name, (reader, writer) in self.inputs.items():
            found |= {f"plumb/{name}": reader, f"to/{name}": writer}
        return found

    def missing(self, definition: Definition) -> int:
        """How many pipes a start of it would make."""
        outputs = sum(1 for name in _pipes(definition) if name not in self.ends)
        return outputs + sum(2 for name in _plumbing(definition) if name not in self.inputs)

    def prepare(self, definitions: Iterable[Definition]) -> None:
        """Have the pipes of these ready, and held by the keeper. Raises OSError when there are no
        descriptors left.
        """
        definitions = list(definitions)
        for name in dict.fromkeys(name for one in definitions for name in _plumbing(one)):
            if name not in self.inputs:
                self._plumb(name)
        missing = [name for one in definitions for name in _pipes(one) if name not in self.ends]
        for at in range(0, len(missing), _BATCH):
            self._make(list(dict.fromkeys(missing[at : at + _BATCH])))

    def _plumb(self, fmri: str) -> None:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            self._put({f"plumb/{fmri}": reader, f"to/{fmri}": writer})
        except BaseException:
            os.close(reader)
            os.close(writer)
            raise
        self.inputs[fmri] = (reader, writer)

    def stdin(self, definition: Definition) -> int:
        """What a process of the service itself has as its input."""
        if definition.stdin == "inherit":
            return self.given.get("stdio/0", self.null)
        pair = self.inputs.get(definition.fmri) if definition.stdin == "pipe" else None
        return self.null if pair is None else pair[0]

    def _make(self, names: list[str]) -> None:
        held: dict[str, int] = {}
        readers: list[int] = []
        made: dict[str, int] = {}
        try:
            for name in names:
                faults.point("pipe")
                reader, writer = os.pipe2(os.O_CLOEXEC)
                readers.append(reader)
                made[name] = writer
                held[f"log/{name}"] = reader
                held[f"in/{name}"] = writer
            faults.point("put")
            self._put(held)
        except BaseException:
            for fd in made.values():
                os.close(fd)
            raise
        finally:
            for fd in readers:
                os.close(fd)
        self.ends.update(made)

    def open(
        self, definition: Definition, uid: int | None = None
    ) -> tuple[int, int, tuple[int, ...]]:
        """(stdout, stderr, what to close after the start) for a process. Raises OSError: the log
        file cannot be opened.

        `uid`: whom the process runs as; the pipe becomes his, so that he may open /dev/stdout
        again.
        """
        log = definition.log
        if log.mode == "none":
            return self.null, self.null, ()
        if log.mode == "service":
            writer = self.inputs[log.path][1]
            return writer, writer, ()
        if log.mode == "file":
            path = os.path.join(self._directory, log.path)
            flags = (
                os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
            )
            try:
                fd = os.open(path, flags, 0o640)
            except OSError as error:
                raise OSError(error.errno, f"the log file {path}: {error.strerror}") from None
            os.set_blocking(fd, True)
            return fd, fd, (fd,)
        ends = [self.ends[name] for name in _pipes(definition)]
        if uid is not None:
            self._own(definition, uid)
        return ends[0], ends[-1], ()

    def _own(self, definition: Definition, uid: int) -> None:
        for name in _pipes(definition):
            if self._owned.get(name, os.geteuid()) != uid:
                try:
                    os.fchown(self.ends[name], uid, -1)
                except OSError:  # only reopening /dev/stdout by name needs it
                    pass
                self._owned[name] = uid

    def mark(self, definition: Definition, run: int, ctid: int) -> None:
        """Put the border of a run into the pipes, if there is room."""
        data = marker(self._nonce, run, ctid)
        for name in _pipes(definition):
            fd = self.ends.get(name)
            if fd is None:
                continue
            try:
                # A description of its own: O_NONBLOCK on the shared one would be the service's too.
                own = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except (
                OSError
            ):  # no /proc, or another user's pipe: the recorder is told by the link too
                continue
            try:
                os.write(own, data)
            except OSError:  # full, or nobody reads: the same
                pass
            finally:
                os.close(own)

    def forget(self, fmri: str) -> None:
        """The instance is gone: its pipes end when the recorder has drained them."""
        names = [name for name in (fmri, f"{fmri}#err") if name in self.ends]
        for name in names:
            os.close(self.ends.pop(name))
            self._owned.pop(name, None)
        if names:
            self._drop([f"{kind}/{name}" for name in names for kind in ("in", "log")])
        if pair := self.inputs.pop(fmri, None):
            for fd in pair:
                os.close(fd)
            self._drop([f"plumb/{fmri}", f"to/{fmri}"])

    def close(self) -> None:
        """Give all descriptors back; the keeper's go on."""
        for fd in self.ends.values():
            os.close(fd)
        for pair in self.inputs.values():
            for fd in pair:
                os.close(fd)
        self.ends.clear()
        self.inputs.clear()
        for fd in (*self.given.values(), self.null):
            os.close(fd)
