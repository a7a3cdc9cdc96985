"""Surroundings as a native file says them: of an instance, and of one command where they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from stoker.model import Context

__all__ = ["SURROUNDINGS", "context_of"]

SURROUNDINGS = (
    "user",
    "group",
    "supplementary_groups",
    "working_directory",
    "umask",
    "nice",
    "oom_score_adj",
    "capabilities",
    "environment",
    "environment_files",
)
"""The keys that are about surroundings; those of the same name in `Context` are what they become.
"""


def context_of(values: Mapping[str, Any], path: Callable[[str], str], base: Context) -> Context:
    """`base` with what `values` say otherwise; variables are added. `path` makes paths absolute."""
    given = {name: values[name] for name in SURROUNDINGS if name in values}
    if "working_directory" in given:
        told = given["working_directory"]
        given["working_directory"] = (path(told).rstrip("/") or "/") if told else ""
    if "environment" in given:
        given["environment"] = base.environment | given["environment"]
    if "environment_files" in given:
        files = []
        for text in given["environment_files"]:
            dash, rest = ("-", text[1:]) if text.startswith("-") else ("", text)
            files.append(dash + path(rest))
        given["environment_files"] = tuple(files)
    if "user" in given and "group" not in given and given["user"] != base.user:
        given["group"] = ""  # the other user's own
    return msgspec.structs.replace(base, **given)
