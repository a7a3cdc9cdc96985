"""The files that the running Python consists of: interpreter, libraries, standard library, and the
packages that we need; and our own. In the image they lie where they lie here, packages apart.

Bytecode is written as "unchecked hash" (PEP 552): the guest compiles nothing, whatever its clock
says.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

import stoker

from .archive import Archive

__all__ = ["LIBRARIES", "PACKAGES", "PROGRAM", "add_binary", "add_python"]

PACKAGES = "/usr/lib/stoker/python"
"""Where stoker and the packages that it uses lie in the image."""

LIBRARIES = "/usr/lib/x86_64-linux-gnu"

PROGRAM = os.path.realpath(sys.executable)
"""The interpreter, here and in the image."""

_NOT_NEEDED = {
    ".mypy_cache",
    "__pycache__",
    "dist-packages",
    "distutils",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "multiprocessing",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
    "unittest",
    "venv",
}

_WITH_MUCH_BEHIND = ("_codecs_", "_curses", "_dbm", "_gdbm", "_test", "_tkinter", "nis", "readline")
"""Beginnings of extensions that bring large libraries, or are large, and that nothing here uses."""


def add_python(archive: Archive) -> None:
    """Everything that `PROGRAM` needs to run stoker."""
    archive.link("/lib", "usr/lib")
    archive.link("/lib64", "usr/lib64")
    archive.link("/bin", "usr/bin")
    archive.link("/sbin", "usr/sbin")
    library = Path(sysconfig.get_path("stdlib"))
    found = [PROGRAM, *_add_tree(archive, library, str(library))]
    archive.copy(PROGRAM)
    archive.link("/usr/bin/python3", PROGRAM)
    for name in ("stoker", "msgspec", "h11"):
        home = _home(name)
        found += _add_tree(archive, home, f"{PACKAGES}/{name}")
    _add_libraries(archive, found)


def add_binary(archive: Archive, path: str, name: str | None = None) -> None:
    """A program of this machine and its libraries."""
    archive.copy(os.path.realpath(path), name or path)
    _add_libraries(archive, [path])


def _home(name: str) -> Path:
    if name == "stoker":
        return Path(stoker.__file__).parent
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None, f"{name} is not installed"
    return Path(spec.origin).parent


def _add_tree(archive: Archive, source: Path, path: str) -> list[str]:
    """Modules with their bytecode, data, and the extensions, which are returned."""
    extensions = []
    for folder, folders, files in os.walk(source):
        folders[:] = [
            one for one in sorted(folders) if one not in _NOT_NEEDED and one[:7] != "config-"
        ]
        base = os.path.normpath(os.path.join(path, os.path.relpath(folder, source)))
        for name in sorted(files):
            real = os.path.join(folder, name)
            if name.endswith(".so") and name.startswith(_WITH_MUCH_BEHIND):
                continue
            if name.endswith(".so"):
                extensions.append(real)
            archive.copy(real, f"{base}/{name}")
            if name.endswith(".py"):
                bytecode = f"{base}/__pycache__/{name[:-3]}.{sys.implementation.cache_tag}.pyc"
                archive.file(bytecode, _bytecode(real, f"{base}/{name}"))
    return extensions


def _bytecode(source: str, name: str) -> bytes:
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
    cached = Path(importlib.util.cache_from_source(source))
    try:
        data = cached.read_bytes()
        fresh = data[8:12] == (int(os.stat(source).st_mtime) & 0xFFFFFFFF).to_bytes(4, "little")
        if data[:8] == importlib.util.MAGIC_NUMBER + bytes(4) and fresh:
            return head + data[16:]
    except OSError:
        pass  # never imported here, or bytecode is not to be written: compiled below
    text = Path(source).read_bytes()
    try:
        return head + marshal.dumps(compile(text, name, "exec", dont_inherit=True))
    except SyntaxError:  # a file that only shows what is wrong; nobody imports it
        return head


def _add_libraries(archive: Archive, programs: Iterable[str]) -> None:
    for path in _libraries(programs):
        if os.path.basename(path).startswith("ld-linux"):
            archive.copy(os.path.realpath(path), "/usr/lib64/" + os.path.basename(path))
        else:
            archive.copy(os.path.realpath(path), f"{LIBRARIES}/{os.path.basename(path)}")


def _libraries(programs: Iterable[str]) -> Iterator[str]:
    """What ldd(1) names."""
    done = subprocess.run(
        ["ldd", *programs], capture_output=True, text=True, timeout=120, check=False
    )
    seen = set()
    for line in done.stdout.splitlines():
        words = line.split()
        path = words[2] if "=>" in words and len(words) > 2 else (words or [""])[0]
        if line.startswith("\t") and path.startswith("/") and path not in seen:
            seen.add(path)
            yield path
