"""A user's manager as a service of the machine's: its definition, and becoming that user."""

from __future__ import annotations

import os

from stoker.errors import Failed, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pwd import struct_passwd

    from stoker.model import Place

__all__ = ["FMRI", "MARK", "become", "definition", "path_of", "person"]

FMRI = "svc:/user:{}"
MARK = "# written by `stoker user`; `stoker user linger` and `unlinger` change it"
"""By this line a file is known to be ours."""

_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
_KEPT = ("LANG", "TZ", "NOTIFY_SOCKET", "STOKER_CONTRACT")
_RUN = "/run/user"


def person(name: str) -> struct_passwd:
    """The account of that name or number. Raises UsageError."""
    import pwd

    try:
        return pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except (KeyError, OverflowError):
        raise UsageError(f"there is no user {name!r}") from None


def path_of(place: Place, who: struct_passwd) -> str:
    """Where the definition of a user's manager is."""
    return f"{place.directories[0]}/user@{who.pw_name}.toml"


def definition(who: struct_passwd, lingers: bool) -> str:
    """The text of the definition. It is asked to end by TERM to its keeper alone, which takes that
    user's services down in order.
    """
    from stoker.formats import definition_text

    from .inits import program

    wait = "kill -TERM $MAINPID; while kill -0 $MAINPID 2>/dev/null; do sleep 0.1; done"
    text = definition_text(
        {
            "description": f"the manager of {who.pw_name}'s services",
            "enabled": lingers,
            "exec_start": [*program(), "user", "run", who.pw_name],
            "exec_stop": wait,
            "shutdown_timeout": "2min",
            "ready": {"notify": True},
            "restart": {"cap": "5min"},
        }
    )
    return f"{MARK}\n{text}"


def become(who: struct_passwd) -> None:
    """Be this user, with his environment, in his home. Raises Failed when that may not be."""
    run = os.path.join(_RUN, str(who.pw_uid))
    try:
        if os.getuid() != who.pw_uid:
            _make(run, who)
            os.initgroups(who.pw_name, who.pw_gid)
            os.setgid(who.pw_gid)
            os.setuid(who.pw_uid)
    except OSError as error:
        raise Failed(
            f"cannot become {who.pw_name}: {error.strerror}",
            hint="only root, or he himself, begins his manager",
        ) from None
    environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environ |= {
        "PATH": _PATH,
        "HOME": who.pw_dir,
        "USER": who.pw_name,
        "LOGNAME": who.pw_name,
        "SHELL": who.pw_shell or "/bin/sh",
    }
    if os.path.isdir(run):
        environ["XDG_RUNTIME_DIR"] = run
    os.environ.clear()
    os.environ.update(environ)
    os.umask(0o022)
    try:
        os.chdir(who.pw_dir)
    except OSError:
        os.chdir("/")  # his home is not there, or not his: his services may be all the same


def _make(run: str, who: struct_passwd) -> None:
    """His runtime directory, as logind makes it."""
    os.makedirs(_RUN, 0o755, exist_ok=True)
    try:
        os.mkdir(run, 0o700)
    except FileExistsError:
        return  # logind's, or of an earlier time
    os.chown(run, who.pw_uid, who.pw_gid)
