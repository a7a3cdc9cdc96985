"""The program of the stand-ins: processes that do nothing and can be signalled.

A stand-in is what ``RUNDIR/NAME/syspid`` names. It reads its standard input, a pipe that keeper and
manager hold, until that ends with the last of them, and then ends itself; every signal has its
default meaning. So it is an ELF file of less than 200 bytes without loader, library or heap.
Measured: 7 kB of memory (PSS) and 24 kB of page tables each, where ``cat``, ``sleep`` or a watching
program in C have 118 and 44; it starts in a third of their time.

Where the machine is another, or a file of ours may not be executed (a file system mounted noexec),
there is no such file, and whoever starts stand-ins takes ``/bin/sh`` instead.
"""

from __future__ import annotations

import os
import platform
import struct
import time

__all__ = ["image", "install"]

# ELF's number of the machine, and what the processor is given: read(0, below the stack, 1) again
# while it answers a byte or EINTR (-4), then exit(0).
_MACHINES = {
    "x86_64": (
        62,
        "31c0"  # again: xor eax, eax
        "31ff"  #        xor edi, edi
        "488d7424f8"  #  lea rsi, [rsp-8]
        "ba01000000"  #  mov edx, 1
        "0f05"  #        syscall
        "4885c0"  #      test rax, rax
        "7feb"  #        jg again
        "4883f8fc"  #    cmp rax, -4
        "74e5"  #        je again
        "31ff"  #        xor edi, edi
        "b83c000000"  #  mov eax, 60
        "0f05",  #       syscall
    ),
    "aarch64": (
        183,
        "000080d2"  # again: mov x0, 0
        "e14300d1"  #        sub x1, sp, 16
        "220080d2"  #        mov x2, 1
        "e80780d2"  #        mov x8, 63
        "010000d4"  #        svc 0
        "1f0000f1"  #        cmp x0, 0
        "4cffff54"  #        b.gt again
        "1f1000b1"  #        cmn x0, 4
        "00ffff54"  #        b.eq again
        "000080d2"  #        mov x0, 0
        "a80b80d2"  #        mov x8, 93
        "010000d4",  #       svc 0
    ),
}
_AT = 0x400000  # where it is mapped
_HEADS = 120  # bytes of the two headers
_PATIENCE = 5.0  # seconds for the first one to show that it can end


def image(machine: str) -> bytes | None:
    """The file for a machine as uname(2) names it; None where we have none."""
    if machine not in _MACHINES:
        return None
    number, text = _MACHINES[machine]
    code = bytes.fromhex(text)
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    elf = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 2, number, 1, _AT + _HEADS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    size = _HEADS + len(code)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, _AT, _AT, size, size, 0x10000)
    return elf + load + code


def install(path: str, machine: str | None = None) -> bool:
    """Write the program to `path` and try it once; False, and no file there, where it does not
    work.
    """
    data = image(platform.machine() if machine is None else machine)
    try:
        if data is not None:
            _write(path, data)
            if _works(path):
                return True
    except OSError:
        pass  # it cannot be written or executed here: /bin/sh does the same
    if os.path.lexists(path):
        os.unlink(path)
    return False


def _write(path: str, data: bytes) -> None:
    try:
        with open(path, "rb") as file:
            if file.read() == data and os.access(path, os.X_OK):
                return
    except OSError:
        pass  # there is none yet
    fresh = f"{path}.{os.getpid()}"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o755)
    with open(fd, "wb") as file:  # all of it, or an error
        file.write(data)
    os.rename(fresh, path)


def _works(path: str) -> bool:
    """Whether it can be executed, and ends with its standard input."""
    null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    pid = os.posix_spawn(path, [path], {}, file_actions=[null])
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.001)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return False
