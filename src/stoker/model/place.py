"""Places: where the files of a project, a user or the system are (design.md 8).

Nothing is made or read here. `find_place` asks the disk two questions, through functions that can
be given. Only the standard library, and little of it: every command imports this.
"""

from __future__ import annotations

import os.path

from stoker.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

__all__ = [
    "MARK",
    "Place",
    "find_place",
    "project_place",
    "run_places",
    "system_place",
    "user_place",
]

MARK = ".stoker"
"""The directory in a project that holds what is ours, and by which the project is found."""

_SOCKET_MAX = 107  # bytes of sun_path without its NUL, unix(7)
_RESERVE = 24  # the longest name of a socket below the runtime directory ("/notify/" and a number)


class Place:
    """One place that a manager serves. Compared by value; all paths are absolute.

    `kind`: "project", "user" or "system". `directories`: where definitions are, first wins.
    `runtime`: the runtime directory (0700); `state`: the repository; `logs`: outputs and
    stoker.log; `settings`: our own settings files, first wins; `working_directory`: of services
    that name none. `uid`: the owner. `published`: the directory that shows what runs as files that
    people may act on, "" for none (sysmgr's RUNDIR). `machine`: we are its system manager.
    `passes`: services' output passes through to that of whoever started the place, where nothing
    else is said (`stoker run`).
    """

    __slots__ = (
        "directories",
        "kind",
        "logs",
        "machine",
        "passes",
        "published",
        "runtime",
        "settings",
        "state",
        "uid",
        "working_directory",
    )

    def __init__(
        self,
        kind: str,
        directories: Sequence[str],
        runtime: str,
        state: str,
        logs: str,
        settings: Sequence[str],
        working_directory: str,
        uid: int,
        published: str = "",
        machine: bool = False,
        passes: bool = False,
    ) -> None:
        self.kind = kind
        self.directories = list(directories)
        self.runtime = runtime
        self.state = state
        self.logs = logs
        self.settings = list(settings)
        self.working_directory = working_directory
        self.uid = uid
        self.published = published
        self.machine = machine
        self.passes = passes

    @property
    def name(self) -> str:
        """What people call it: the project's directory, "user" or "system"."""
        return self.directories[0] if self.kind == "project" else self.kind

    @property
    def socket(self) -> str:
        """The control socket."""
        return self.runtime + "/control"

    @property
    def lock(self) -> str:
        """The file that the keeper locks; its first line is the keeper's pid."""
        return self.runtime + "/lock"

    @property
    def definitions(self) -> str:
        """The compiled definitions (`stoker.model.Compiled`)."""
        return self.runtime + "/definitions"

    @property
    def loaded(self) -> str:
        """What clients have loaded besides (`stoker.model.Loaded`)."""
        return self.runtime + "/loaded"

    @property
    def command(self) -> str:
        """The directory of the definition of the command that `stoker run` was given, if any."""
        return self.runtime + "/command"

    @property
    def file(self) -> str:
        """This place itself, as JSON."""
        return self.runtime + "/place.json"

    @property
    def environment(self) -> str:
        """The base environment of services, NUL-separated."""
        return self.runtime + "/environment"

    @property
    def log(self) -> str:
        """What keeper, manager and recorder write."""
        return self.logs + "/stoker.log"

    @property
    def repository(self) -> str:
        """The database of what must outlive us."""
        return self.state + "/repository.db"

    def as_dict(self) -> dict[str, Any]:
        """All fields as plain data."""
        return {name: getattr(self, name) for name in self.__slots__}

    def to_json(self) -> str:
        """The text of RUN/place.json."""
        import json  # here: commands that only look for a place do not need it

        return json.dumps({"version": 1, **self.as_dict()}, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Place:
        """The inverse of `to_json`. Raises UsageError on anything else."""
        import json

        try:
            data = json.loads(text)
        except ValueError as wrong:
            raise UsageError(f"not the description of a place: {wrong}") from None
        return cls.of(data)

    @classmethod
    def of(cls, data: Any) -> Place:
        """The inverse of `as_dict`; keys of later versions are ignored. Raises UsageError on
        anything else.
        """
        try:
            # What earlier versions wrote has none of these.
            data = {"published": "", "machine": False, "passes": False, **data}
            return cls(**{name: data[name] for name in cls.__slots__})
        except (KeyError, TypeError, AttributeError) as wrong:
            raise UsageError(f"not the description of a place: {wrong}") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((self.kind, self.runtime))

    def __repr__(self) -> str:
        return f"Place({', '.join(f'{key}={value!r}' for key, value in self.as_dict().items())})"


def project_place(
    directory: str, environ: Mapping[str, str], uid: int, *, runtime: str | None = None
) -> Place:
    """The place of a project in `directory` (absolute). Raises UsageError when a given runtime
    directory is too long.
    """
    ours = os.path.join(directory, MARK)
    where = _given(runtime, environ) or _short(os.path.join(ours, "run"), environ, uid)
    return Place(
        kind="project",
        directories=[directory],
        runtime=where,
        state=ours,
        logs=os.path.join(ours, "logs"),
        settings=[os.path.join(directory, ".stoker.toml")],
        working_directory=directory,
        uid=uid,
    )


def user_place(environ: Mapping[str, str], uid: int, *, runtime: str | None = None) -> Place:
    """The place of a user: XDG directories, with the defaults of that specification."""
    home = _home(environ)
    config = os.path.join(_xdg(environ, "XDG_CONFIG_HOME", home, ".config"), "stoker")
    state = os.path.join(_xdg(environ, "XDG_STATE_HOME", home, ".local/state"), "stoker")
    where = _given(runtime, environ)
    if where is None:
        where = _short(os.path.join(_user_runtime(environ, uid), "stoker"), environ, uid)
    return Place(
        kind="user",
        directories=[os.path.join(config, "services")],
        runtime=where,
        state=state,
        logs=os.path.join(state, "logs"),
        settings=[os.path.join(config, "stoker.toml")],
        working_directory=home,
        uid=uid,
    )


def system_place(environ: Mapping[str, str], uid: int = 0, *, runtime: str | None = None) -> Place:
    """The place of the machine."""
    return Place(
        kind="system",
        directories=["/etc/stoker/services", "/usr/lib/stoker/services"],
        runtime=_given(runtime, environ) or "/run/stoker",
        state="/var/lib/stoker",
        logs="/var/log/stoker",
        settings=["/etc/stoker/stoker.toml"],
        working_directory="/",
        uid=uid,
    )


def run_places(
    directory: str | None,
    here: str,
    environ: Mapping[str, str],
    uid: int,
    *,
    first: bool,
    runtime: str | None = None,
) -> list[Place]:
    """The places that `stoker run` may have, the best first: it takes the first whose runtime
    directory can be written. All that it writes is there: such a place needs no other.

    `directory`: the project (absolute), None for none; `here`: the working directory; `first`: we
    are the first process, which has the machine's runtime directory, or the user's, for itself.
    Raises UsageError when a given runtime directory is too long.
    """
    own = _user_runtime(environ, uid)
    given = _given(runtime, environ)
    if given is not None:
        where = [given]
    elif first:
        where = ["/run/stoker", own + "/stoker"]
    else:
        from .digests import digest

        beside = [] if directory is None else [os.path.join(directory, MARK, "run")]
        where = [*beside, f"{own}/stoker-{digest(os.fsencode(directory or here), 6)}"]
    return [
        Place(
            kind="project",
            directories=[] if directory is None else [directory],
            runtime=run,
            state=run + "/state",
            logs=run + "/logs",
            settings=[] if directory is None else [os.path.join(directory, ".stoker.toml")],
            working_directory=directory or here,
            uid=uid,
            passes=True,
        )
        for run in where
        if _fits(run)
    ]


def find_place(
    start: str,
    environ: Mapping[str, str],
    uid: int,
    *,
    directory: str | None = None,
    kind: str = "",
    runtime: str | None = None,
    is_dir: Callable[[str], bool] = os.path.isdir,
    resolve: Callable[[str], str] = os.path.realpath,
) -> Place:
    """The place that a command means.

    `directory` (`up DIR`, `-C DIR`) is a project; `kind` "user" or "system" is `--user`,
    `--system`; else it is looked for: upward from `start` for a `.stoker`, as git does; then the
    user's when one runs, then the system's; root has no user place. `runtime` (`--runtime-dir`),
    else STOKER_RUNTIME_DIR, overrides. Raises UsageError.
    """
    if runtime is not None:
        runtime = os.path.join(start, runtime)
    if directory is not None:
        if kind:
            raise UsageError(f"a directory and --{kind} exclude each other")
        return project_place(resolve(os.path.join(start, directory)), environ, uid, runtime=runtime)
    if kind == "user":
        return user_place(environ, uid, runtime=runtime)
    if kind == "system":
        return system_place(environ, uid, runtime=runtime)
    if kind == "project":
        return project_place(
            upward(start, is_dir, resolve) or resolve(start), environ, uid, runtime=runtime
        )
    above = upward(start, is_dir, resolve)
    if above is not None:
        return project_place(above, environ, uid, runtime=runtime)
    machine = system_place(environ, 0, runtime=runtime)
    if uid == 0:
        return machine
    own = user_place(environ, uid, runtime=runtime)
    return machine if not is_dir(own.runtime) and is_dir(machine.runtime) else own


def upward(
    start: str,
    is_dir: Callable[[str], bool] = os.path.isdir,
    resolve: Callable[[str], str] = os.path.realpath,
) -> str | None:
    """The nearest directory from `start` upward that holds a `.stoker`, or None."""
    here = resolve(start)
    while True:
        if is_dir(os.path.join(here, MARK)):
            return here
        above = os.path.dirname(here)
        if above == here:
            return None
        here = above


def _home(environ: Mapping[str, str]) -> str:
    home = environ.get("HOME", "")
    if home.startswith("/"):
        return home
    home = os.path.expanduser("~")
    return home if home.startswith("/") else "/"  # nobody whom the table of users knows


def _xdg(environ: Mapping[str, str], name: str, home: str, below: str) -> str:
    value = environ.get(name, "")
    # The specification says that a relative path is to be ignored.
    return value if value.startswith("/") else os.path.join(home, below)


def _user_runtime(environ: Mapping[str, str], uid: int) -> str:
    value = environ.get("XDG_RUNTIME_DIR", "")
    return value if value.startswith("/") else f"/tmp/stoker-{uid}"


def _given(runtime: str | None, environ: Mapping[str, str]) -> str | None:
    """The runtime directory that a person named, if any."""
    told = runtime or environ.get("STOKER_RUNTIME_DIR") or None
    if told is None:
        return None
    if not told.startswith("/"):
        raise UsageError(f"the runtime directory {told!r} is not an absolute path")
    told = os.path.normpath(told)
    if not _fits(told):
        raise UsageError(
            f"the runtime directory {told} is too long for the path of a socket",
            hint=f"give one of at most {_SOCKET_MAX - _RESERVE} bytes with --runtime-dir",
        )
    return told


def _fits(runtime: str) -> bool:
    return len(os.fsencode(runtime)) + _RESERVE <= _SOCKET_MAX


def _short(wanted: str, environ: Mapping[str, str], uid: int) -> str:
    """`wanted`, or a short path of this user's that belongs to it alone when sockets would not fit
    below.
    """
    if _fits(wanted):
        return wanted
    from .digests import digest

    name = digest(os.fsencode(wanted), 6)
    first = os.path.join(_user_runtime(environ, uid), "stoker-" + name)
    return first if _fits(first) else f"/tmp/stoker-{uid}/{name}"
