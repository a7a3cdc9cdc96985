"""The program that compresses one closed log file; a short-lived child of the recorder, with the
lowest priority.

The file is replaced by ``FILE.gz`` in two steps, each of which may be the last: rename the
finished copy into place, remove the original. Readers prefer the ``.gz`` where both are there.
"""

from __future__ import annotations

import os
import sys
import zlib

__all__ = ["compress", "main"]

CHUNK = 1 << 18


def compress(path: str) -> None:
    """Replace `path` by `path.gz`. Raises OSError; then the original is still there."""
    unfinished = f"{path}.gz~"
    coder = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: with gzip's header and trailer
    with open(path, "rb", 0) as source:
        about = os.fstat(source.fileno())
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        target = os.open(unfinished, flags, about.st_mode & 0o777)
        try:
            with open(target, "wb") as sink:
                while block := source.read(CHUNK):
                    sink.write(coder.compress(block))
                sink.write(coder.flush())
                sink.flush()
                os.fsync(target)
            os.utime(unfinished, ns=(about.st_atime_ns, about.st_mtime_ns))
            os.rename(unfinished, f"{path}.gz")
        except BaseException:
            os.unlink(unfinished)
            raise
    os.unlink(path)


def main(argv: list[str]) -> int:
    """``compress FILE``: 0 if it is done, 1 if the disk did not let us (the file stays as it
    was).
    """
    try:
        os.nice(19)
    except OSError:
        pass  # only a courtesy
    try:
        compress(argv[0])
    except FileNotFoundError:
        return 0  # removed in the meantime
    except OSError as error:
        print(f"cannot compress {argv[0]}: {error.strerror}", file=sys.stderr)
        return 1
    return 0
