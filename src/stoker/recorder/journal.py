"""What lets a successor finish the block at which a recorder died: nothing lost, nothing twice.

Reading a pipe takes the bytes away, so between reading and writing they must lie where death does
not reach: in a staging pipe and in shared memory, both held by the keeper under ``rec/``. One
block at a time:

1. name the pipe (`begin`), then splice(2) a block from it into the staging pipe;
2. say how much that was, read it into the shared buffer, say that it is there (`take`);
3. for each part of it: say where in which file it goes and what was known before (`plan`), write
   it there with pwrite, store what is known afterwards, count it as done (`settle`);
4. say that it is over (`end`).

Each statement is one aligned 64-bit store, the last of a step being the one that makes it valid;
a syscall on a pipe is not interrupted halfway by death. So at every instruction the bytes are in
the pipe, in the staging pipe, in the buffer, or in the file at a known offset, and a successor
sees which: it takes what is staged, writes the part in hand *again at the same offset with the
same time* (equal bytes: no reader notices), and goes on with the rest.

The table has one slot for each instance: the `State` of its file and what could not be kept.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import termios
from binascii import crc32

from stoker.linux import faults

__all__ = ["Journal", "Table"]

VERSION = 1
BUFFER = 128 * 1024
BLOCK = 96 * 1024  # taken at once: below what malloc gives back to the kernel each time, measured
SLACK = 4096  # room for the rest of a run's mark that a block's end has cut
_PAGE = 4096
_NAME = 2048  # where the name lies in the first page

(
    _VERSION,
    _BUSY,
    _SIZE,
    _DONE,
    _OFFSET,
    _END,
    _INODE,
    _INDEX,
    _TIME,
    _STATE,
    _LINES,
    _BYTES,
    _SINCE,
) = range(13)


class Journal:
    """The record of the block in hand. `reader`, `writer`: the staging pipe; `memory`: a memfd,
    made by `create`.
    """

    def __init__(self, reader: int, writer: int, memory: int) -> None:
        self.reader = reader
        self.writer = writer
        self.memory = memory
        self._map = mmap.mmap(memory, _PAGE + BUFFER + SLACK)
        view = memoryview(self._map)
        self._words = view[:_NAME].cast("Q")
        self._name = view[_NAME:_PAGE]
        self.buffer = view[_PAGE:]
        if self._words[_VERSION] != VERSION:
            self._words[_BUSY] = 0
            self._words[_VERSION] = VERSION

    @staticmethod
    def create() -> tuple[int, int, int]:
        """A new staging pipe's two ends and the memfd. Raises OSError."""
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, BUFFER)
        except OSError:
            pass  # an unprivileged user's allowance is used up: the usual 64 KB will do
        memory = os.memfd_create("stoker-journal", os.MFD_CLOEXEC)
        os.ftruncate(memory, _PAGE + BUFFER + SLACK)
        return reader, writer, memory

    # -- taking a block -------------------------------------------------------------------------

    def begin(self, name: str) -> None:
        """A block of this pipe comes next."""
        raw = name.encode("utf-8", "surrogateescape")[: _PAGE - _NAME - 2]
        self._name[: 2 + len(raw)] = struct.pack("=H", len(raw)) + raw
        words = self._words
        words[_DONE] = 0
        words[_OFFSET] = 0
        words[_SIZE] = 0
        words[_BUSY] = 1
        faults.point("begun")

    def take(self, source: int, limit: int = BLOCK) -> int:
        """Move up to `limit` bytes from `source` behind what is in the buffer; how many came (0:
        end of file).

        Raises BlockingIOError when there is nothing.
        """
        count = os.splice(source, self.writer, limit, flags=os.SPLICE_F_NONBLOCK)
        if count:
            faults.point("spliced")
            self._fetch(count)
        return count

    def _fetch(self, count: int) -> None:
        words = self._words
        size = words[_SIZE] >> 32
        words[_SIZE] = size << 32 | count
        faults.point("announced")
        got = os.readv(self.reader, [self.buffer[size : size + count]])
        faults.point("read")
        words[_SIZE] = (size + got) << 32
        faults.point("sized")

    @property
    def size(self) -> int:
        """Bytes in the buffer."""
        return self._words[_SIZE] >> 32

    @property
    def done(self) -> int:
        """How many of them are in a file, or given up."""
        return self._words[_DONE]

    # -- parts ----------------------------------------------------------------------------------

    def plan(
        self,
        end: int,
        inode: int,
        offset: int,
        index: int,
        when: int,
        state: int,
        lost: tuple[int, int, int],
    ) -> None:
        """The bytes up to `end` go to `offset` of file `inode` (index record at `index`), stamped
        `when`.

        `state` and `lost` are what the table has now and the part starts from.
        """
        words = self._words
        words[_END] = end
        words[_INODE] = inode
        words[_INDEX] = index
        words[_TIME] = when
        words[_STATE] = state
        words[_LINES], words[_BYTES], words[_SINCE] = lost
        words[_OFFSET] = offset + 1
        faults.point("planned")

    def settle(self, end: int) -> None:
        """The part up to `end` is done (or given up), and the table says so."""
        words = self._words
        words[_DONE] = end
        faults.point("counted")
        words[_OFFSET] = 0
        faults.point("closed")

    def end(self) -> None:
        """The block is over."""
        self._words[_BUSY] = 0
        faults.point("ended")

    # -- after a death --------------------------------------------------------------------------

    def left(self) -> str | None:
        """The name of the pipe whose block a predecessor left, its bytes now complete in the
        buffer; None: there is none.
        """
        words = self._words
        if not words[_BUSY]:
            return None
        staged = struct.unpack("=i", fcntl.ioctl(self.reader, termios.FIONREAD, b"\0\0\0\0"))[0]
        if staged:
            self._fetch(staged)
        elif words[_SIZE] & 0xFFFFFFFF:
            # Read, but not yet counted.
            size = words[_SIZE]
            words[_SIZE] = ((size >> 32) + (size & 0xFFFFFFFF)) << 32
        if words[_OFFSET] and words[_DONE] == words[_END]:
            words[_OFFSET] = 0
        if self.size == words[_DONE]:
            words[_BUSY] = 0
            return None
        length = struct.unpack("=H", self._name[:2])[0]
        return bytes(self._name[2 : 2 + length]).decode("utf-8", "surrogateescape")

    def planned(self) -> tuple[int, int, int, int, int, int, tuple[int, int, int]] | None:
        """The arguments of `plan` for the part that was in hand; None: the part was not begun."""
        words = self._words
        if not words[_OFFSET]:
            return None
        lost = (words[_LINES], words[_BYTES], words[_SINCE])
        return (
            words[_END], words[_INODE], words[_OFFSET] - 1, words[_INDEX], words[_TIME],
            words[_STATE], lost,
        )  # fmt: skip

    def close(self) -> None:
        """Let go of the memory and the descriptors."""
        self._words.release()
        self._name.release()
        self.buffer.release()
        for fd in (self.reader, self.writer, self.memory):
            os.close(fd)


class Table:
    """Slots of shared memory, five words each: key, state, and what was lost (lines, bytes, since
    when).
    """

    WORDS = 5

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self._slots: dict[int, int] = {}
        self._free: list[int] = []
        self._attach()
        for number in range(len(self._words) // self.WORDS - 1, -1, -1):
            key = self._words[number * self.WORDS]
            if key:
                self._slots[key] = number
            else:
                self._free.append(number)

    @staticmethod
    def create() -> int:
        """A new memfd for a table. Raises OSError."""
        memory = os.memfd_create("stoker-table", os.MFD_CLOEXEC)
        os.ftruncate(memory, 4096 * Table.WORDS)
        return memory

    def _attach(self) -> None:
        self._map = mmap.mmap(self.memory, os.fstat(self.memory).st_size)
        self._words = memoryview(self._map).cast("Q")

    @staticmethod
    def _key(name: str) -> int:
        raw = name.encode("utf-8", "surrogateescape")
        return crc32(raw) << 32 | crc32(raw[::-1]) or 1

    def slot(self, name: str) -> int:
        """The slot of this instance, made if there is none: an index for the other methods."""
        key = self._key(name)
        number = self._slots.get(key)
        if number is None:
            if not self._free:
                self._grow()
            number = self._free.pop()
            at = number * self.WORDS
            for word in range(at + 1, at + self.WORDS):
                self._words[word] = 0
            self._words[at] = key
            self._slots[key] = number
        return number * self.WORDS

    def _grow(self) -> None:
        old = len(self._words) // self.WORDS
        self._words.release()
        os.ftruncate(self.memory, 2 * old * self.WORDS * 8)
        self._attach()
        self._free = list(range(2 * old - 1, old - 1, -1))

    def forget(self, name: str) -> None:
        """Give the slot of an instance back."""
        number = self._slots.pop(self._key(name), None)
        if number is not None:
            self._words[number * self.WORDS] = 0
            self._free.append(number)

    def state(self, slot: int) -> int:
        """The stored state's word."""
        return self._words[slot + 1]

    def set_state(self, slot: int, word: int) -> None:
        """Store a state's word, at once."""
        self._words[slot + 1] = word

    def lost(self, slot: int) -> tuple[int, int, int]:
        """Lines, bytes, and the wall time in ns since when they could not be kept."""
        words = self._words
        return words[slot + 2], words[slot + 3], words[slot + 4]

    def set_lost(self, slot: int, lines: int, size: int, since: int) -> None:
        """Store what could not be kept."""
        self._words[slot + 4] = since
        self._words[slot + 3] = size
        self._words[slot + 2] = lines

    def close(self) -> None:
        """Let go of the memory."""
        self._words.release()
        os.close(self.memory)
