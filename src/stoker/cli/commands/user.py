"""A manager for each user, kept by the machine's manager: while he is logged in, or always."""

from __future__ import annotations

import os

from stoker.errors import Busy, Failed, Refused, StokerError, UsageError

from ..call import Call
from ..say import complain, dump, note
from ..sessions import Sessions
from ..users import FMRI, become, definition, path_of, person

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pwd import struct_passwd
    from typing import NoReturn

    from stoker.client import Client

__all__ = ["run"]

_PATIENCE = 20.0  # seconds that a login waits for the manager of who logs in


def run(call: Call) -> int:
    """Do what is asked about one user's manager."""
    action = call.arguments["action"]
    name = call.arguments["name"] or os.environ.get("PAM_USER", "")
    if not name:
        raise UsageError("which user?", hint=f"usage: {call.verb.usage}")
    who = person(name)
    if action == "run":
        _be(who)
    if action == "session":
        return _session(call, who)
    return _linger(call, who, action == "linger")


def _linger(call: Call, who: struct_passwd, lingers: bool) -> int:
    """From boot on, whether he is logged in or not; or no more."""
    path = _write(call, who, lingers)
    client = _client(call)
    if client is not None:
        with client:
            if not lingers and Sessions(call.place().runtime, who.pw_name).count():
                _ask(client, "start", who, 0.0)  # what runs for him goes on
            _reload(client)
    if call.json:
        dump({"version": 1, "user": who.pw_name, "lingers": lingers, "path": path})
    else:
        when = "from boot on" if lingers else "only while he is logged in"
        print(f"{who.pw_name}: services run {when} ({path})")
    return 0


def _session(call: Call, who: struct_passwd) -> int:
    """For pam_exec(8): a session begins or ends. Nothing that is wrong here keeps anybody out."""
    kind = os.environ.get("PAM_TYPE", "open_session")
    sessions = Sessions(call.place().runtime, who.pw_name)
    try:
        client = _client(call)
        if client is None:
            return 0
        with client:
            if kind == "open_session":
                _login(call, client, who, sessions)
            elif kind == "close_session" and sessions.less() == 0 and not _lingers(call, who):
                _ask(client, "stop", who, 0.0)
    except (StokerError, OSError) as error:
        if not isinstance(error, StokerError):
            error = Failed(f"{error.filename or who.pw_name}: {error.strerror}")
        complain(error)
    return 0


def _login(call: Call, client: Client, who: struct_passwd, sessions: Sessions) -> None:
    if not os.path.lexists(path_of(call.place(), who)):
        _write(call, who, False)
        _reload(client)
    if sessions.more() == 1:
        _ask(client, "start", who, _PATIENCE)


def _client(call: Call) -> Client | None:
    """A client of the place's manager; None when there is none."""
    from stoker.client import connect, is_up

    place = call.place()
    return connect(place) if is_up(place) else None


def _reload(client: Client) -> None:
    for one in client.post("/v1/reload", {}, patience=300)["mistakes"]:
        if one.get("level") == "error":
            note(f"{one.get('file') or ''}: {one['message']}")


def _ask(client: Client, verb: str, who: struct_passwd, wait: float) -> None:
    body = {"verb": verb, "names": [FMRI.format(who.pw_name)], "why": "logins"}
    path = "/v1/operations" + (f"?wait={wait:g}" if wait else "")
    client.post(path, body, patience=wait + 30)


def _write(call: Call, who: struct_passwd, lingers: bool) -> str:
    """Write the definition. Raises Refused for a file that is not ours, or may not be written."""
    place = call.place()
    path = path_of(place, who)
    text = definition(who, lingers)
    try:
        if os.path.lexists(path):
            with open(path, encoding="utf-8") as file:
                if file.readline() != text.partition("\n")[0] + "\n":
                    raise Refused(f"{path} is not ours", hint="remove it, or do it by hand")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".new", path)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    return path


def _lingers(call: Call, who: struct_passwd) -> bool:
    try:
        with open(path_of(call.place(), who), encoding="utf-8") as file:
            return "\nenabled = true\n" in file.read()
    except OSError:
        return False  # no definition: then nobody said so


def _be(who: struct_passwd) -> NoReturn:
    """Become the keeper of this user's place: what the definition executes."""
    from stoker.client import Launch, exec_keeper, is_up, place_of, prepare
    from stoker.formats import compile_place
    from stoker.model import encode_compiled

    become(who)
    place = place_of(kind="user")
    with Launch(place) as launch:
        if is_up(place):
            raise Busy(f"a manager of {who.pw_name} runs already", hint="his: stoker --user down")
        compiled = compile_place(place)
        for mistake in compiled.mistakes:
            note(str(mistake))
        prepare(place, encode_compiled(compiled))
        launch.release()
        exec_keeper(place)
