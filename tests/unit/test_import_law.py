"""Which room may import which: the table of the design, held by reading the source.

The source is parsed, never imported, save to learn what a package offers (``__all__``).
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "stoker"

# Every room but the keeper may use errors; every room but linux may use model.
MAY_USE: dict[str, set[str]] = {
    "errors": set(),
    "keeper": set(),
    "linux": {"errors"},
    "model": {"errors"},
    "formats": {"errors", "model"},
    "engine": {"errors", "model"},
    "insight": {"errors", "model", "engine"},
    "process": {"errors", "model", "linux"},
    "repository": {"errors", "model"},
    "recorder": {"errors", "model", "repository", "linux"},
    "manager": {"errors", "model", "engine", "process", "linux"},
    "interfaces": {"errors", "model", "manager", "insight", "linux"},
    "client": {"errors", "model"},
    "cli": {"errors", "model", "client", "formats", "insight", "compat"},
    "compat": {"errors", "model", "client", "formats", "linux", "system"},
    "system": {"errors", "model", "client", "formats", "linux"},
    "testing": {"errors", "model", "engine"},
    "watchers": {"errors", "model", "client", "linux"},
}
MAY_USE["daemon"] = {
    "errors", "model", "formats", "engine", "insight", "process", "linux", "repository",
    "recorder", "manager", "interfaces",
}  # fmt: skip

THIRD_PARTY = {"msgspec", "h11", "rich", "jeepney"}
# rich only where a person looks; msgspec not where memory or purity counts; jeepney is an extra.
THIRD_PARTY_IN = {
    "msgspec": {"model", "formats", "engine", "manager", "interfaces", "insight", "daemon", "cli",
                "client", "testing", "process", "compat"},
    "h11": {"interfaces", "client"},
    "rich": {"cli"},
    "jeepney": {"watchers"},
}  # fmt: skip

# engine decides from what it is told: it looks at no clock, file, process or die.
IMPURE = {
    "os", "io", "time", "socket", "asyncio", "random", "secrets", "threading", "subprocess",
    "select", "selectors", "signal", "pathlib", "tempfile", "shutil", "ctypes", "fcntl",
    "multiprocessing", "concurrent", "sqlite3", "resource", "mmap", "logging", "uuid",
}  # fmt: skip
FORMAT_NAMES = {"toml", "script", "bundle", "manifest", "systemd", "hermit", "sysmgr", "nosh"}


@dataclass(frozen=True)
class Import:
    """One import statement's one name."""

    module: str  # the importing module, dotted
    line: int
    target: str  # the module named
    name: str | None  # the name taken from it, if "from"
    at_start: bool  # runs when the module is imported

    def __str__(self) -> str:
        what = f"from {self.target} import {self.name}" if self.name else f"import {self.target}"
        return f"{self.module}:{self.line}: {what}"


def modules() -> dict[str, Path]:
    """Every module of ours: dotted name to file."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = ["stoker", *path.relative_to(SOURCE).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = path
    return found


def room(module: str) -> str:
    """``stoker.model.names`` is in room ``model``; the package itself in none ("")."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports(module: str, path: Path) -> Iterator[Import]:
    """All import statements of a file, those in functions and under TYPE_CHECKING too."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]

    def walk(node: ast.AST, at_start: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, node.lineno, alias.name, None, at_start)
        elif isinstance(node, ast.ImportFrom):
            target = node.module or ""
            if node.level:
                base = package[: len(package) - node.level + 1]
                target = ".".join([*base, target] if target else base)
            for alias in node.names:
                yield Import(module, node.lineno, target, alias.name, at_start)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for child in node.body:
                yield from walk(child, False)
            for child in node.orelse:
                yield from walk(child, at_start)
        else:
            late = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                yield from walk(child, at_start and not late)

    yield from walk(ast.parse(path.read_text(encoding="utf-8"), str(path)), True)


MODULES = modules()
IMPORTS = [one for name, path in MODULES.items() for one in imports(name, path)]
OURS = [one for one in IMPORTS if one.target.split(".")[0] == "stoker"]


def rooms_of(one: Import) -> str:
    """The room an import of ours reaches into; "" for the version in the top package."""
    if one.target == "stoker" and one.name and f"stoker.{one.name}" in MODULES:
        return one.name
    return room(one.target)


def test_every_room_is_in_the_table() -> None:
    known = {room(name) for name in MODULES} - {"", "__main__"}
    assert known <= set(MAY_USE), "a room that the design does not have"


def test_rooms_use_only_what_they_may() -> None:
    broken = []
    for one in OURS:
        here, there = room(one.module), rooms_of(one)
        if here in ("", "__main__") or there in ("", here):
            continue
        if there not in MAY_USE[here]:
            broken.append(f"{one}: {here} may not use {there}")
    assert not broken, "\n".join(broken)


def test_the_table_has_no_cycle() -> None:
    TopologicalSorter(MAY_USE).prepare()
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"a"}}).prepare()


def test_no_module_imports_itself_round_about() -> None:
    """No cycle among the imports that run when modules are loaded."""
    graph: dict[str, set[str]] = {name: set() for name in MODULES}
    for one in OURS:
        if not one.at_start:
            continue
        below = f"{one.target}.{one.name}"
        target = below if below in MODULES else one.target
        if target in MODULES and target != one.module:
            graph[one.module].add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        pytest.fail(" imports ".join(reversed(cycle.args[1])))
    assert graph


def test_a_package_is_entered_by_its_door() -> None:
    """From outside, names come from the package itself and are among those it offers."""
    broken = []
    for one in OURS:
        there = rooms_of(one)
        if there in ("", room(one.module)):
            continue
        door = f"stoker.{there}"
        if one.target == "stoker":
            continue
        if one.target != door:
            broken.append(f"{one}: reaches inside {door}")
        elif one.name and one.name not in importlib.import_module(door).__all__:
            broken.append(f"{one}: {door} does not offer {one.name}")
    assert not broken, "\n".join(broken)


def test_the_keeper_is_one_file_on_the_standard_library() -> None:
    if "stoker.keeper" not in MODULES:
        pytest.skip("no keeper in this tree")
    foreign = [
        str(one)
        for one in IMPORTS
        if one.module == "stoker.keeper" and one.target.split(".")[0] not in sys.stdlib_module_names
    ]
    assert not foreign


def test_third_party_packages_are_those_we_chose() -> None:
    broken = []
    for one in IMPORTS:
        top = one.target.split(".")[0]
        if top == "stoker" or top in sys.stdlib_module_names:
            continue
        if one.module == "stoker.testing.plugin" and top == "pytest":
            continue  # which is what loads it
        if top not in THIRD_PARTY:
            broken.append(f"{one}: not a dependency of ours")
        elif room(one.module) not in THIRD_PARTY_IN[top]:
            broken.append(f"{one}: {top} is not for {room(one.module)}")
    assert not broken, "\n".join(broken)


def test_the_engine_is_pure() -> None:
    broken = [
        str(one)
        for one in IMPORTS
        if room(one.module) == "engine" and one.target.split(".")[0] in IMPURE
    ]
    assert not broken, "\n".join(broken)


def words_of_code(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Identifiers, split at underscores, and short strings that are no docstrings."""
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.Name):
            text = node.id
        elif isinstance(node, ast.Attribute):
            text = node.attr
        elif isinstance(node, ast.arg):
            text = node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            text = node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = "" if id(node) in prose or " " in node.value else node.value
        for word in text.lower().split("_"):
            yield getattr(node, "lineno", 0), word


def test_the_engine_knows_no_format() -> None:
    """What differs between formats is a field of the definition, never a format's name."""
    broken = [
        f"{name}:{line}: {word}"
        for name, path in MODULES.items()
        if room(name) == "engine"
        for line, word in words_of_code(ast.parse(path.read_text(encoding="utf-8")))
        if word in FORMAT_NAMES
    ]
    assert not broken, "\n".join(broken)
