"""One call of a verb: its arguments and options, its place, its client."""

from __future__ import annotations

from .verb import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from stoker.client import Client
    from stoker.model import Place

__all__ = ["Call"]


class Call:
    """What a person asked for. Place and client are found when they are first needed."""

    def __init__(self, verb: Verb, arguments: dict[str, Any], options: dict[str, Any]) -> None:
        self.verb = verb
        self.arguments = arguments
        self.options = options
        self._client: Client | None = None
        self._place: Place | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """An option's value, or whether a switch was given."""
        return self.options.get(name, default)

    @property
    def json(self) -> bool:
        """Whether --json was given."""
        return bool(self.options.get("json"))

    @property
    def names(self) -> list[str]:
        """The services named."""
        return list(self.arguments.get("names") or ())

    def place(self, directory: str | None = None) -> Place:
        """The place that is meant; `directory` is one given as an argument. Raises UsageError."""
        if self._place is None:
            self._place = self._find(directory)
        return self._place

    def defined_place(self) -> Place:
        """The place of `up` and `check`: the argument DIR, what -C, --user or --system say, else
        the project that we are in, else the working directory itself. Raises UsageError.
        """
        import os.path

        from stoker.errors import UsageError

        directory = self.arguments["dir"]
        hint = f"usage: {self.verb.usage}"
        if directory is None and not (self.get("user") or self.get("system")):
            try:
                directory = self.get("project") or _around(os.getcwd())
            except FileNotFoundError:
                raise UsageError("the directory that you are in was removed", hint=hint) from None
            self.options.pop("project", None)
        place = self.place(directory)
        if place.kind == "project" and not os.path.isdir(place.name):
            raise UsageError(f"{place.name} {_why_not(place.name)}", hint=hint)
        return place

    def _find(self, directory: str | None) -> Place:
        from stoker.client import place_of

        given, user, system = self.get("project"), self.get("user"), self.get("system")
        if user and system:
            from stoker.errors import UsageError

            raise UsageError("--user and --system exclude each other")
        if directory is not None and given is not None:
            import os.path

            directory = os.path.join(given, directory)
        kind = "user" if user else "system" if system else ""
        runtime = self.get("runtime_dir")
        if directory is None and given is not None and not kind:
            return _upward(given, runtime)
        return place_of(directory or given, kind=kind, runtime=runtime)

    def client(self) -> Client:
        """The manager's client, connected. Raises NoManager."""
        if self._client is None:
            from stoker.client import connect

            self._client = connect(self.place())
        return self._client

    def use(self, client: Client) -> None:
        """Take over a client that is connected already."""
        self._client = client

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()


def _why_not(path: str) -> str:
    """Why a path is no directory that we can see."""
    import os

    try:
        os.stat(path)
    except PermissionError:
        return "cannot be looked into: permission denied"
    except OSError:
        pass  # there is no such thing
    return "is not a directory"


def _around(here: str) -> str:
    """The nearest directory from `here` upward that has a place of ours, else `here`."""
    import os.path

    at = here
    while at != os.path.dirname(at):
        if os.path.isdir(at + "/.stoker"):
            return at
        at = os.path.dirname(at)
    return here


def _upward(directory: str, runtime: str | None) -> Place:
    """`-C DIR`: the project DIR, or, as though we were there, one that it lies in."""
    import os.path

    from stoker.client import place_of

    place = place_of(directory, runtime=runtime)
    if not os.path.isdir(place.state):
        around = _around(place.name)
        if around != place.name:
            return place_of(around, runtime=runtime)
    return place
