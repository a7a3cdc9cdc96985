"""The surroundings of a method as a manifest says them (method_context, smf_method(7)): user,
directory, environment, privileges.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from stoker.model import MASTER, Context, Group

from .privileges import capabilities_of

__all__ = ["Doubt", "surroundings_of"]

INCLUDE = os.path.abspath(f"{os.path.dirname(__file__)}/../compat/smf/smf_include.sh")
"""What methods may source, as Solaris has it in /lib/svc/share."""

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_CONTEXT = ("use_profile", "user", "group", "supp_groups", "working_directory", "environment",
            "privileges", "limit_privileges", "project", "resource_pool", "profile",
            "security_flags")  # fmt: skip

Doubt = Callable[[str, str, str, str], object]
"""Called with group, property, message and hint for each thing that is wrong or odd."""


def surroundings_of(groups: Mapping[str, Group], method: str, doubt: Doubt) -> Context:
    """The surroundings of a method: its own properties first, then method_context's."""
    given: dict[str, tuple[str, ...]] = {}
    for name in _CONTEXT:
        for group in (method, "method_context"):
            known = groups.get(group)
            if known is not None and name in known.properties:
                given[name] = known.properties[name].values
                break
    environment = {"PATH": PATH}
    for pair in given.get("environment", ()):
        name, sign, value = pair.partition("=")
        if not sign or not name or name.startswith("SMF_"):
            doubt(method, "environment", f"{pair[:60]!r} is left out", "NAME=VALUE")
            continue
        environment[name] = value.replace("%", "%%")
    environment |= {
        "SMF_FMRI": "%f",
        "SMF_METHOD": "%m",
        "SMF_RESTARTER": MASTER,
        "SMF_ZONENAME": "global",
        "STOKER_SMF_INCLUDE": INCLUDE,
    }
    user = group_name = ""
    others: tuple[str, ...] | None = None
    capabilities: tuple[str, ...] | None = None
    if given.get("use_profile", ("",))[:1] == ("false",):
        user = _first(given.get("user"))
        group_name = _first(given.get("group"))
        named = _first(given.get("supp_groups"))
        others = tuple(named.replace(",", " ").split()) if named else None
        capabilities, unknown = capabilities_of(user, _first(given.get("privileges")))
        if unknown:
            shown = " ".join(unknown)
            doubt(method, "privileges", f"nothing here stands for {shown}", "")
    elif given.get("use_profile"):
        doubt(method, "profile", "profiles are not known on Linux", "give a user")
    directory = _first(given.get("working_directory"), ":home")
    if not given:
        directory = "/"
    elif not directory:
        directory = "~"
    return Context(
        user=user,
        group=group_name,
        supplementary_groups=others,
        working_directory=directory,
        environment=environment,
        tokens=True,
        capabilities=capabilities,
    )


def _first(values: tuple[str, ...] | None, nothing: str = ":default") -> str:
    """The first value; "" for the words that mean what is usual."""
    text = values[0] if values else nothing
    return "" if text in (":default", ":home", nothing) else text
