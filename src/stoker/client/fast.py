"""The control API over its socket, with as little as possible: what every fast command imports.

Only the C halves of socket and json are used where this Python has them (`_socket`, `_json`): the
modules around them take longer to import than the whole conversation. Both exist since Python 3.0;
where they do not, the public modules do the same.
"""

from __future__ import annotations

import errno

try:
    import _socket as sockets
except ImportError:  # another implementation of Python
    import socket as sockets  # type: ignore[no-redef]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

    from stoker.model import Place

__all__ = ["Client", "Stream", "connect", "decode", "encode", "quote"]

PROTOCOL = 1
PATIENCE = 60.0
"""Seconds after which a manager that does not answer an ordinary question counts as hung."""

TRIES = 5
"""How often a question is asked anew when managers die over it."""

_PLAIN = dict.fromkeys(map(ord, "/-_.,+@"))
_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")


def quote(text: str) -> str:
    """Text as one component of a URL."""
    data = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in data)


def decode(text: str) -> Any:
    """JSON text to data. Raises ValueError."""
    global _scan
    if _scan is None:
        _scan = _make_scan()
    try:
        value, _end = _scan(text.strip(), 0)
    except StopIteration:
        raise ValueError("not JSON") from None
    return value


_scan: Any = None


def _make_scan() -> Any:
    class Context:
        strict = True
        object_hook = object_pairs_hook = array_hook = None
        parse_float, parse_int, parse_constant = float, int, float
        memo: dict[str, str] = {}  # noqa: RUF012

    try:
        from _json import make_scanner

        return make_scanner(Context)  # type: ignore[arg-type]
    except (ImportError, AttributeError):  # it is private: not everywhere, and may ask for more
        from json import loads

        return lambda text, _at: (loads(text), len(text))


def encode(value: Any) -> str:
    """Data to JSON text: for the small bodies of requests."""
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        try:
            from _json import encode_basestring_ascii as quoted
        except ImportError:
            from json.encoder import encode_basestring_ascii as quoted
        return str(quoted(value))
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode(k)}:{encode(v)}" for k, v in value.items()) + "}"
    return "[" + ",".join(map(encode, value)) + "]"


def connect(place: Place) -> Client:
    """A client of the manager of `place`. Raises NoManager when nobody listens."""
    from stoker.errors import NoManager

    client = Client(place.socket, place)
    try:
        client.open()
    except NoManager:
        from .lost import way_to

        way = way_to(place)
        if not way:
            raise
        client.path = way
        client.open()
    return client


class Client:
    """One connection to a control socket; it is opened again by itself when the manager came back.

    Answers are plain data. Errors of the manager are raised as the classes of `stoker.errors`.
    Use it as a context manager, or `close` it.
    """

    def __init__(self, path: str, place: Place | None = None) -> None:
        self.path = path
        self.place = place
        self.text = ""
        """The last answer as it came: JSON text."""
        self._sock: Any = None
        self._buffer = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def open(self) -> None:
        """Connect, if that has not been done. Raises NoManager, Refused."""
        if self._sock is not None:
            return
        sock = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM, 0)
        try:
            sock.connect(self.path)
        except OSError as error:
            sock.close()
            self._not_there(error)
        self._sock = sock
        self._buffer = b""

    def close(self) -> None:
        """Hang up."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def get(self, path: str, *, patience: float | None = PATIENCE) -> Any:
        """Ask; `patience` seconds (None: for ever) is how long the manager may take to answer."""
        return self.ask("GET", path, None, patience)

    def post(self, path: str, body: Any = None, *, patience: float | None = PATIENCE) -> Any:
        """Ask for something that changes something. `body`: plain data, or bytes that are JSON."""
        return self.ask("POST", path, body, patience)

    def ask(self, method: str, path: str, body: Any, patience: float | None) -> Any:
        """One request and its answer, decoded. Raises what `stoker.errors` has for a refusal."""
        for _ in range(TRIES):
            if self._closed():
                self.close()
            self.open()
            try:
                status = self._exchange(method, path, body, patience)
                break
            except (BrokenPipeError, ConnectionResetError, EOFError):
                # The manager was replaced under us. A question can be asked again, of the next
                # one; of a request nobody knows whether it was heard.
                self.close()
                if method != "GET":
                    self._lost()
        else:
            self._lost()
        answer = decode(self.text)
        if status >= 400:
            _refused(status, answer)
        return answer

    def _closed(self) -> bool:
        """Whether a connection kept from before was closed by its manager meanwhile."""
        if self._sock is None:
            return False
        self._sock.settimeout(0.0)  # with any other, recv waits for it whatever the flags say
        try:
            data = self._sock.recv(1, sockets.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return not data

    def ask_later(self, path: str) -> None:
        """Send a question whose answer may take long; wait on `fileno`, then call `answer`."""
        self.open()
        self._send("GET", path, None)

    def fileno(self) -> int:
        """To be waited on after `ask_later`."""
        return int(self._sock.fileno())

    def answer(self) -> Any:
        """The answer to `ask_later`. Raises NoManager when the manager ended meanwhile."""
        try:
            status, headers = self._head()
            self.text = self._body(headers).decode("utf-8", "replace")
        except (BrokenPipeError, ConnectionResetError, EOFError):
            self.close()
            self._lost()
        found = decode(self.text)
        if status >= 400:
            _refused(status, found)
        return found

    def stream(self, path: str) -> Stream:
        """Begin an endless answer. The connection is used up by it."""
        self.open()
        try:
            self._send("GET", path, None)
            status, headers = self._head()
        except (BrokenPipeError, ConnectionResetError, EOFError):
            self.close()
            self._lost()
        if status >= 400:
            self.text = self._body(headers).decode("utf-8", "replace")
            _refused(status, decode(self.text))
        found = Stream(self._sock, self._buffer)
        self._sock = None
        return found

    # -- the wire

    def _exchange(self, method: str, path: str, body: Any, patience: float | None) -> int:
        self._sock.settimeout(patience)
        try:
            self._send(method, path, body)
            status, headers = self._head()
            self.text = self._body(headers).decode("utf-8", "replace")
        except TimeoutError:
            self.close()
            self._hung(patience)
        except BaseException:  # a Ctrl-C, say: half an answer must not be read as the next one
            self.close()
            raise
        if headers.get("connection") == "close":
            self.close()
        return status

    def _send(self, method: str, path: str, body: Any) -> None:
        if not isinstance(body, bytes):  # JSON already
            body = b"" if body is None else encode(body).encode("ascii")
        data: bytes = body
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: stoker\r\nStoker-Protocol: {PROTOCOL}\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        self._sock.sendall(head.encode("ascii") + data)

    def _more(self) -> None:
        data = self._sock.recv(262144)
        if not data:
            raise EOFError
        self._buffer += data

    def _head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        words = first.split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            _nonsense(self.path)
        return int(words[1]), headers

    def _body(self, headers: dict[str, str]) -> bytes:
        length = int(headers.get("content-length", "0"))
        pieces, have = [self._buffer], len(self._buffer)
        while have < length:
            data = self._sock.recv(1048576)
            if not data:
                raise EOFError
            pieces.append(data)
            have += len(data)
        whole = b"".join(pieces)
        self._buffer = whole[length:]
        return whole[:length]

    # -- what can be wrong

    def _whose(self) -> str:
        if self.place is None:
            return f"on {self.path}"
        if self.place.kind == "project":
            return f"for the project {self.place.name}"
        if self.place.kind == "user":
            return f"for the user with uid {self.place.uid}"
        return "for this system"

    def _mend(self) -> str:
        if self.place is None:
            return "start one with: stoker up DIR"
        if self.place.kind == "project":
            name = self.place.name
            if not name.translate(_PLAIN).isalnum():
                from shlex import quote as typed  # only then: it takes as long as all the rest

                name = typed(name)
            return f"start one with: stoker up {name}"
        return f"start one with: stoker --{self.place.kind} up"

    def _not_there(self, error: OSError) -> NoReturn:
        from stoker.errors import NoManager, Refused

        number = error.errno
        if number in (errno.ENOENT, errno.ENOTDIR):
            why = f"there is no socket {self.path}"
        elif number == errno.ECONNREFUSED:
            why = f"{self.path} is there, and nobody listens on it"
        elif number in (errno.EACCES, errno.EPERM):
            raise Refused(
                f"you may not use the manager {self._whose()}: {self.path}: permission denied",
                hint="it belongs to another user; its settings may grant you a role ([[role]])",
            ) from None
        else:
            why = f"{self.path}: {error.strerror or error}"
        raise NoManager(f"no manager runs {self._whose()}: {why}", hint=self._mend()) from None

    def _lost(self) -> NoReturn:
        from stoker.errors import NoManager

        raise NoManager(
            f"the manager {self._whose()} hung up ({self.path}) before it answered",
            hint="ask again: its keeper starts another at once",
        ) from None

    def _hung(self, patience: float | None) -> NoReturn:
        from stoker.errors import NotYet

        raise NotYet(
            f"the manager {self._whose()} did not answer within {patience:g} s ({self.path})",
            hint="see what it says: stoker logs --manager",
        ) from None


class Stream:
    """An endless answer: JSON lines. Iterate over it, or `read` when `fileno` is ready."""

    def __init__(self, sock: Any, rest: bytes) -> None:
        self._sock = sock
        self._raw = rest
        self._text = b""
        self._ended = False
        sock.settimeout(None)

    def fileno(self) -> int:
        """To be waited on; first call `read` once, for what is here already."""
        return int(self._sock.fileno())

    @property
    def ended(self) -> bool:
        """True when no more will come."""
        return self._ended

    def read(self, block: bool = True) -> list[Any]:
        """The next events; [] at the end, or (not `block`) when there are none now."""
        found = self._take()
        while not found and not self._ended:
            try:
                data = self._sock.recv(262144, 0 if block else sockets.MSG_DONTWAIT)
            except BlockingIOError:
                return []
            except ConnectionResetError:
                data = b""
            if not data:
                self._ended = True
            self._raw += data
            found = self._take()
        return found

    def _take(self) -> list[Any]:
        while True:
            size, mark, rest = self._raw.partition(b"\r\n")
            if not mark:
                break
            length = int(size, 16)
            if length == 0:
                self._ended = True
                break
            if len(rest) < length + 2:
                break
            self._text += rest[:length]
            self._raw = rest[length + 2 :]
        *lines, self._text = self._text.split(b"\n")
        return [decode(line.decode("utf-8", "replace")) for line in lines if line]

    def __iter__(self) -> Iterator[Any]:
        while events := self.read():
            yield from events

    def close(self) -> None:
        """Hang up."""
        self._sock.close()


def _nonsense(path: str) -> NoReturn:
    from stoker.errors import ProtocolError

    raise ProtocolError(f"what answers on {path} is no manager of ours")


def _refused(status: int, answer: Any) -> NoReturn:
    """Raise what the manager said. The class follows from exit status and code."""
    from stoker import errors

    told = answer.get("error", {}) if isinstance(answer, dict) else {}
    message = str(told.get("message", f"the manager answered {status}"))
    hint = str(told.get("hint", ""))
    name = "".join(part.capitalize() for part in str(told.get("code", "")).split("_"))
    if told.get("code") == "no_such_service":
        raise errors.NoSuchService(message, hint=hint, candidates=told.get("candidates"))
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, errors.StokerError)):
        kind = errors.UsageError if told.get("exit_status") == 2 else errors.Failed
    if kind is errors.DefinitionError:
        kind = errors.Failed
    raise kind(message, hint=hint)
