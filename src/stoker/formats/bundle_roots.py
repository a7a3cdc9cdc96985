"""Where bundles are looked for by name: nosh's search path (nosh.md 1.4), and trees of bundles.

A root holds targets or services, each a directory. A target NAME is `svc:/target/NAME`, a service
`svc:/NAME`. A directory of a place may be a tree: it has `targets`, `services`, or both, and these
hold the bundles. Where a tree has the target `normal`, that is what comes up, with all that it
wants; without it every service comes up, as in a directory without a tree.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

__all__ = ["GOAL", "KINDS", "expanded", "find_bundle", "roots"]

GOAL = "normal"
"""The target that a tree of bundles is brought up by."""

KINDS = {".target": "targets", ".service": "services", ".socket": "services", ".timer": "services"}
"""Endings of names, and the roots in which only they are looked for."""

_SHARED = (
    "/run/service-bundles",
    "/usr/local/etc/service-bundles",
    "/etc/service-bundles",
    "/usr/local/share/service-bundles",
)
_TARGETS = (
    *(f"{one}/targets" for one in _SHARED),
    "/usr/share/service-bundles/targets",
    "/var/service-bundles/targets",
)
_SERVICES = (
    *(f"{one}/services" for one in _SHARED),
    "/var/local/service-bundles/services",
    "/var/local/sv",
    "/usr/share/service-bundles/services",
    "/var/service-bundles/services",
    "/var/sv",
    "/var/svc.d",
    "/service",
)


def roots(user: bool, environ: Mapping[str, str] | None = None) -> dict[str, tuple[str, ...]]:
    """The roots of the search path, in order: {"targets": …, "services": …}."""
    if not user:
        return {"targets": _TARGETS, "services": _SERVICES}
    import pwd

    environ = os.environ if environ is None else environ
    try:
        entry = pwd.getpwuid(os.geteuid())
        account, home = entry.pw_name, entry.pw_dir
    except KeyError:  # an account that only exists as a number
        account, home = str(os.geteuid()), "/"
    above = (
        f"/run/user/{account}/service-bundles",
        f"{environ.get('HOME') or home}/.config/service-bundles",
    )
    return {kind: tuple(f"{one}/{kind}" for one in above) for kind in ("targets", "services")}


def find_bundle(
    name: str, searched: Mapping[str, Iterable[str]], prefix: str = ""
) -> tuple[str, str] | None:
    """The path of the bundle that a name means and its ending (".target" …, "" without one); None
    when there is none. A name with a slash is a path, and so are "." and ".."; any other is looked
    for in the roots, then in the working directory. `prefix` is put before the name.
    """
    if "/" in name or name in (".", ".."):
        return (name, "") if os.path.isdir(name) else None
    stem, ending = name, next((one for one in KINDS if name.endswith(one)), "")
    if ending:
        stem = name.removesuffix(ending)
    for kind in (KINDS[ending],) if ending else ("targets", "services"):
        for root in searched[kind]:
            path = f"{root}/{prefix}{stem}"
            if os.path.isdir(path):
                return path, ending or (".target" if kind == "targets" else ".service")
    return (name, ending) if os.path.isdir(prefix + name) else None


def expanded(directories: Iterable[str]) -> tuple[list[str], dict[str, str], set[str]]:
    """The directories of a place with those of its trees: all of them, those that hold targets or
    services with which of both, and those whose bundles come up only when something wants them.
    """
    found: dict[str, None] = {}
    kinds: dict[str, str] = {}
    passive: set[str] = set()
    for directory in directories:
        found[directory] = None
        for kind in ("services", "targets"):
            inner = f"{directory}/{kind}"
            if not os.path.isdir(inner) or _runs(inner):
                continue
            found[inner] = None
            kinds[inner] = kind
            if kind == "targets" or _runs(f"{directory}/targets/{GOAL}"):
                passive.add(inner)
    return list(found), kinds, passive


def _runs(path: str) -> bool:
    return any(os.path.lexists(f"{path}/{name}") for name in ("run", "service/run"))
