"""What belongs into a root file system of which stoker is the init.

Our packages, unless somebody else put them there; three programs and the links to them; the boot
services for Debian, each where what it needs is installed; and what fstab comes to.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec

from stoker.errors import Failed

from .bytecode import cached, path_of
from .placing import File, Placing

__all__ = ["Contents", "contents"]

HOME = "/usr/lib/stoker"
PACKAGES = f"{HOME}/python"
SERVICES = f"{HOME}/services"
CONVERTED = "/etc/stoker/services"
_COPIED = ("stoker", "msgspec", "h11", "rich")
_NOT_COPIED = {"__pycache__", ".mypy_cache"}
_KERNEL_ARGUMENT = f"init={HOME}/init"

_HEAD = """\
#!{python} -IS
# A program of stoker's.
import sys
sys.path[:0] = {path!r}
"""
_PROGRAMS = {
    f"{HOME}/init": "from stoker.system import main\nsys.exit(main())\n",
    f"{HOME}/boot": "from stoker.system.helper import main\nsys.exit(main(sys.argv[1:]))\n",
    "/usr/bin/stoker": "from stoker.cli import main\nsys.exit(main())\n",
}


class Contents:
    """The files, and what there is to be said about them."""

    def __init__(self) -> None:
        self.files: list[File] = []
        self.notes: list[str] = []


def contents(placing: Placing) -> Contents:
    """All that belongs into a root. Raises Failed when our programs could not run there."""
    found = Contents()
    python, path, copied = _python(placing)
    for folder in copied:
        found.files += _tree(placing, folder, f"{PACKAGES}/{os.path.basename(folder)}")
    for program, text in _PROGRAMS.items():
        head = _HEAD.format(python=python, path=path)
        mild = program == "/usr/bin/stoker"
        found.files.append(File(program, (head + text).encode(), 0o755, mild=mild))
    found.files += _links()
    _services(placing, found)
    _fstab(placing, found)
    return found


def _python(placing: Placing) -> tuple[str, list[str], list[str]]:
    """The root's interpreter, where in the root our packages are, and what is to be copied."""
    homes = [_home(name) for name in _COPIED]
    program = os.path.realpath(sys.executable)
    inside = [_inside(placing, path) for path in (*map(os.path.dirname, homes), program)]
    if all(inside):
        path = list(dict.fromkeys(inside[:-1]))
        # Called from what an install before this one copied there: that belongs there still.
        return inside[-1], path, homes if path == [PACKAGES] else []
    wanted = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for place in ("/usr/bin", "/usr/local/bin"):
        if os.path.isfile(placing.real(f"{place}/{wanted}")):
            return f"{place}/{wanted}", [PACKAGES], homes
    raise Failed(
        f"there is no {wanted}, by which stoker itself runs here, in {placing.root}",
        hint="install it there; or install stoker there, and call that one",
    )


def _home(name: str) -> str:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise Failed(f"the package {name} is not to be found")
    return os.path.dirname(os.path.realpath(spec.origin))


def _inside(placing: Placing, path: str) -> str:
    """A path as the root itself sees it; "" when it lies outside."""
    top = os.path.realpath(placing.root)
    if top == "/":
        return path
    return path[len(top) :] if path.startswith(f"{top}/") else ""


def _tree(placing: Placing, folder: str, target: str) -> Iterator[File]:
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if one not in _NOT_COPIED)
        for name in sorted(files):
            with open(os.path.join(base, name), "rb") as file:
                data = file.read()
            path = os.path.normpath(f"{target}/{os.path.relpath(base, folder)}/{name}")
            yield File(path, data)
            if name.endswith(".py"):
                yield from _bytecode(placing, os.path.join(base, name), data, path)


def _bytecode(placing: Placing, source: str, text: bytes, path: str) -> Iterator[File]:
    """A mild file: what an interpreter kept there itself will do."""
    target = path_of(path)
    try:
        with open(placing.real(target), "rb") as file:
            there = file.read()
    except OSError:
        there = b""
    data = cached(source, text, there)
    if data:
        yield File(target, data, mild=True)


def _links() -> Iterator[File]:
    """The commands of an init, and the init itself; what another one left there is left."""
    from stoker.compat import COMMANDS

    yield File("/usr/sbin/init", target=f"{HOME}/init", mild=True)
    for name, row in sorted(COMMANDS.items()):
        if row[0] == "machine" and name != "init":
            yield File(f"/usr/sbin/{name}", target="/usr/bin/stoker", mild=True)


def _services(placing: Placing, found: Contents) -> None:
    """The boot services. In the comments at the head of a file stands what it needs, or what makes
    it needless.
    """
    folder = os.path.join(_home("stoker"), "system", "debian")
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".toml"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            text = file.read()
        lacks = [path for path in _said(text, "needs") if not _there(placing, path)]
        instead = [path for path in _said(text, "unless") if _there(placing, path)]
        if lacks or instead:
            why = f"there is no {lacks[0]}" if lacks else f"{instead[0]} does it"
            found.notes.append(f"{name.removesuffix('.toml')} is left out: {why}")
        else:
            found.files.append(File(f"{SERVICES}/{name}", text.encode()))


def _said(text: str, word: str) -> list[str]:
    start = f"# {word}: "
    lines = [line for line in text.splitlines() if line.startswith(start)]
    return [path for line in lines for path in line[len(start) :].split()]


def _there(placing: Placing, path: str) -> bool:
    """A program, in / or in /usr."""
    return any(os.path.lexists(placing.real(one)) for one in (path, f"/usr{path}"))


def _fstab(placing: Placing, found: Contents) -> None:
    from stoker.formats import convert_fstab

    try:
        with open(placing.real("/etc/fstab"), encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except FileNotFoundError:
        return
    except OSError as error:
        raise Failed(f"{placing.real('/etc/fstab')}: {error.strerror}") from None
    for one in convert_fstab(text):
        if not one.text:
            found.notes.append(f"/etc/fstab, {one.name}: {one.why}")
            continue
        path = f"{CONVERTED}/{one.name.replace('/', '-')}.toml"
        found.files.append(File(path, one.text.encode("utf-8", "replace")))
        found.notes += [
            f"/etc/fstab, {one.name}: {row.key}: {row.why}"
            for row in one.rows
            if row.what != "taken"
        ]
