"""wants2dot and its siblings: what bundles' links relate, as a graph for Graphviz (nosh.md 5.6).

Bundles are named by their paths; targets are yellow octagons. What is disabled is left out, except
where it is asked what enabling would do (wanted2dot, stopped2dot). Links alone are looked at.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from stoker.errors import UsageError

from .bundles import Bundle, asked_for_help, complain, options

__all__ = ["conflicts", "ordering", "stopped", "wanted", "wants"]

_TARGETS = "/etc/service-bundles/targets"
_ROOTS = ("/var/sv", "/var/local/sv", "/etc/service-bundles/services", _TARGETS)
_SHAPE = '[shape=octagon,style="rounded,filled",fillcolor=yellow]'
_LEFT_OUT = "sockets"  # nearly everything would lead there


def wants(arguments: list[str]) -> int:
    """wants2dot: an arrow from what is started to what is started along."""
    return _draw("wants2dot", arguments, {"wants": False})


def wanted(arguments: list[str]) -> int:
    """wanted2dot: an arrow from a bundle to what would want it, were it enabled."""
    return _draw("wanted2dot", arguments, {"wanted-by": False}, disabled=True)


def ordering(arguments: list[str]) -> int:
    """ordering2dot: an arrow from what comes first to what comes next."""
    return _draw("ordering2dot", arguments, {"after": True, "before": False})


def conflicts(arguments: list[str]) -> int:
    """conflicts2dot: an arrow from what is stopped to what stops it by starting."""
    return _draw("conflicts2dot", arguments, {"conflicts": True})


def stopped(arguments: list[str]) -> int:
    """stopped2dot: an arrow from a bundle to what would stop it, were it enabled."""
    return _draw("stopped2dot", arguments, {"stopped-by": False}, disabled=True)


def _draw(
    program: str, arguments: list[str], relations: dict[str, bool], *, disabled: bool = False
) -> int:
    """The graph of some directories of links, each with whether its arrows lead backward."""
    if asked_for_help(program, arguments, "[--user] [DIRECTORY…]"):
        return 0
    words = list(arguments)
    try:
        given = options(words, {"--user": "user", "-u": "user"})
    except UsageError as error:
        complain(program, error)
        return 1
    roots = words or (_of_user() if "user" in given else list(_ROOTS))
    lines = ["digraph services {"]
    for root in roots:
        if os.path.basename(os.path.normpath(root)) == "targets":
            for one in _bundles(root, disabled):
                lines.append(f"{_quoted(one.path)} {_SHAPE} ;")
    for root in roots:
        for one in _bundles(root, disabled):
            for relation, backward in relations.items():
                for other in _others(one, relation):
                    ends = (other, one.path) if backward else (one.path, other)
                    lines.append(" -> ".join(map(_quoted, ends)) + " ;")
    print("\n".join([*lines, "}"]))
    sys.stdout.flush()
    return 0


def _of_user() -> list[str]:
    from stoker.formats import roots

    found = roots(True)
    return [*found["services"], *found["targets"]]


def _bundles(root: str, disabled: bool) -> Iterator[Bundle]:
    try:
        names = sorted(os.listdir(root))
    except OSError:  # it is not there
        return
    for name in names:
        bundle = Bundle(f"{os.path.realpath(root)}/{name}")  # as the ends of links are named
        if name[0] != "." and os.path.isdir(bundle.path) and (disabled or not bundle.has("down")):
            yield bundle


def _others(bundle: Bundle, relation: str) -> Iterator[str]:
    for path in bundle.links(relation):
        if os.path.islink(path) and os.path.basename(path) != _LEFT_OUT:
            yield os.path.realpath(path)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
