"""The native format, NAME.toml. The six keys of hermit_sm mean what they mean there.

A file is read key by key (`keys`), so that all its mistakes are found at once; then each instance
is built from what the file says for the service and what `[instances.NAME]` says instead. Each
value is read once, where it stands: a mistake in something that three instances inherit is one
mistake. A file with an error is not loaded at all.

What reads a file is imported when there is one: a directory of scripts does not pay for it.
"""

from __future__ import annotations

from .entry import Entry, Reading, Surroundings, readable

__all__ = ["Native"]


class Native:
    """The format `NAME.toml`."""

    name = "toml"

    def claims(self, entry: Entry) -> bool:
        return entry.is_file and entry.name.endswith(".toml") and len(entry.name) > len(".toml")

    def read(self, entry: Entry, surroundings: Surroundings) -> Reading:
        from .document import read_definition
        from .toml import Toml

        file = Toml(entry.path)
        if readable(entry.path) != entry.path:
            file.note("its path is not UTF-8", hint="rename it")
        else:
            file.load()
        return read_definition(file, entry.name.removesuffix(".toml"), surroundings)
