"""Names: what people write, and the canonical FMRIs that everything behind the door uses.

Two kinds of text. A *raw* name is what a file is called or an `id` says ("my web"); an FMRI is
canonical ("svc:/my%20web:default"). `fmri` and `split` go between them and are each other's
inverse. `canonical` and `matching` read what a person typed, in either spelling.

The grammar is SMF's (smf(7)) extended by leading digits and `. @ + ~`; each byte of any other
character becomes %XX. `name@x` is service `name`, instance `x`. Components "." and ".." are written
%2E and %2E%2E, so that an FMRI may be used as a path.
"""

from __future__ import annotations

from stoker.errors import NoSuchService, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "MASTER",
    "Names",
    "canonical",
    "did_you_mean",
    "display",
    "escape",
    "fmri",
    "is_input",
    "is_instance",
    "matching",
    "of_name",
    "service_of",
    "split",
    "unescape",
]

MASTER = "svc:/system/svc/restarter:default"
"""The restarter that is the manager itself; its property groups `options` are the place's (SMF)."""

_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@+~,")
_PLAIN = _SAFE - frozenset("@.")  # characters that nothing needs to be thought about
_HEX = frozenset("0123456789abcdefABCDEF")
_PREFIX = "svc:/"
_DEFAULT = "default"


def escape(raw: str, keep: str = "") -> str:
    """`raw` with every byte outside the grammar as %XX (upper case). `keep`: further characters to
    leave alone.
    """
    if _SAFE.issuperset(raw):
        return raw
    parts = []
    for char in raw:
        if char in _SAFE or char in keep:
            parts.append(char)
        else:
            parts += [f"%{byte:02X}" for byte in _encoded(char)]
    return "".join(parts)


def unescape(text: str) -> str:
    """The inverse of `escape`. A `%` that no two hexadecimal digits follow stands for itself."""
    if "%" not in text:
        return text
    out = bytearray()
    at = 0
    while at < len(text):
        char = text[at]
        if char == "%" and len(text) >= at + 3 and text[at + 1] in _HEX and text[at + 2] in _HEX:
            out.append(int(text[at + 1 : at + 3], 16))
            at += 3
        else:
            out += _encoded(char)
            at += 1
    return out.decode("utf-8", "surrogateescape")


def fmri(service: str, instance: str = _DEFAULT) -> str:
    """The canonical FMRI of an instance, from raw names. Raises UsageError when one of them cannot
    be a name.
    """
    return f"{_PREFIX}{_service(service)}:{_instance(instance)}"


def split(name: str) -> tuple[str, str]:
    """Raw service and instance names of a canonical FMRI; the instance is "" when it names a
    service.
    """
    service, _, instance = name.removeprefix(_PREFIX).partition(":")
    return unescape(service), unescape(instance)


def is_instance(name: str) -> bool:
    """True for the canonical FMRI of an instance, false for that of a service or anything else."""
    return name.startswith(_PREFIX) and ":" in name[len(_PREFIX) :]


def service_of(name: str) -> str:
    """The FMRI of the service that a canonical FMRI belongs to."""
    return _PREFIX + name.removeprefix(_PREFIX).partition(":")[0]


def of_name(raw: str) -> tuple[str, str]:
    """Service and instance of a raw name as a file or an `id` gives it: "web@blue" is ("web",
    "blue").
    """
    at = _at(raw)
    return (raw[:at], raw[at + 1 :]) if at else (raw, _DEFAULT)


def canonical(text: str, default: str = _DEFAULT) -> str:
    """The FMRI that a person means by `text`: web, web:blue, web@blue, svc:/web,
    svc://localhost/web:blue …

    A name without an instance gets `default`; with `default=""` it stays the FMRI of the service.
    Raises UsageError.
    """
    body = text
    if body.startswith("svc:"):
        body = body[4:]
        if body.startswith("//localhost/"):
            body = body[len("//localhost/") :]
    service, colon, instance = body.removeprefix("/").partition(":")
    if not colon:
        at = _at(service)
        if at:
            service, colon, instance = service[:at], ":", service[at + 1 :]
    if not service or (colon and not instance):
        raise UsageError(
            f"{text!r} is not the name of a service", hint="write NAME or NAME:INSTANCE"
        )
    found = _PREFIX + _service(unescape(service), text)
    instance = unescape(instance) if colon else default
    return f"{found}:{_instance(instance, text)}" if instance else found


def display(name: str) -> str:
    """What people see: "web" for svc:/web:default, "web:blue" else. `canonical` reads it back to
    the same FMRI.
    """
    if not name.startswith(_PREFIX):
        return name
    service, colon, instance = name[len(_PREFIX) :].partition(":")
    if instance == _DEFAULT or not colon:
        return _shown(service)
    return f"{_shown(service)}:{_shown(instance)}"


def is_input(name: str) -> bool:
    """Whether an input (a condition of the machine) may be called so."""
    return 0 < len(name) <= 64 and all(c.isascii() and (c.isalnum() or c in "_.-") for c in name)


def matching(patterns: Iterable[str], known: Iterable[str]) -> list[str]:
    """The instances that the patterns of a person name, each once, in the order of the patterns.

    Each pattern is tried as SMF does (svcs(1)): exact (a service stands for all its instances),
    then as a glob over FMRIs and shown names, then as the trailing part of exactly one name. Raises
    NoSuchService, with the candidates when there are several, else with the nearest name.
    """
    return Names(known).matching(patterns)


class Names:
    """The names of instances, put in order once for many questions: see `matching`."""

    __slots__ = ("_everything", "_services", "all")

    def __init__(self, known: Iterable[str]) -> None:
        self.all = list(known)
        self._everything = set(self.all)
        self._services: dict[str, list[str]] = {}
        for name in self.all:
            self._services.setdefault(service_of(name), []).append(name)

    def matching(self, patterns: Iterable[str]) -> list[str]:
        """Those that the patterns name. Raises NoSuchService."""
        found: dict[str, None] = {}
        for pattern in patterns:
            found.update(dict.fromkeys(self._resolve(pattern)))
        return list(found)

    def _resolve(self, pattern: str) -> Sequence[str]:
        try:
            exact = canonical(pattern, "")
        except UsageError:
            exact = ""
        if exact in self._everything:
            return [exact]
        if exact in self._services:
            return self._services[exact]
        raw = [name for name in self.all if unescape(name) == f"{_PREFIX}{pattern}:{_DEFAULT}"]
        if raw:
            return raw
        if any(char in pattern for char in "*?["):
            return _globbed(pattern, self.all)
        return _partial(pattern, self.all)


def did_you_mean(word: str, words: Iterable[str]) -> str | None:
    """The one of `words` that `word` is most likely a slip of, or None."""
    low = word.lower()
    best, least = None, max(1, min(3, len(low) // 3)) + 1
    for other in words:
        if abs(len(other) - len(low)) >= least:
            continue
        away = _distance(low, other.lower(), least)
        if away < least:
            best, least = other, away
    return best


# -- inside


def _encoded(char: str) -> bytes:
    """The bytes of a character as a file's name has them."""
    try:
        return char.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise UsageError("a name is not text: it has half of a surrogate pair") from None


def _service(raw: str, told: str = "") -> str:
    if raw and _PLAIN.issuperset(raw):
        return raw
    parts = raw.split("/")
    if not all(parts):
        raise UsageError(
            f"{told or raw!r} is not the name of a service",
            hint="parts are separated by one slash, and none is empty",
        )
    text = "/".join(_dots(escape(part)) for part in parts)
    return text.replace("@", "%40") if _at(raw) else text


def _instance(raw: str, told: str = "") -> str:
    if not raw:
        raise UsageError(f"{told or raw!r} has an empty instance name")
    return _dots(escape(raw))


def _dots(part: str) -> str:
    return part.replace(".", "%2E") if part in (".", "..") else part


def _at(raw: str) -> int:
    """Where the @ stands that separates service from instance; 0 when there is none."""
    if "@" not in raw:
        return 0
    at = raw.find("@", 1)
    return at if 0 < at < len(raw) - 1 and raw[at - 1] != "/" and "/" not in raw[at:] else 0


def _shown(part: str) -> str:
    """Decoded, except what would be read back as something else, or disturb a terminal."""
    if "%" not in part:
        return part
    raw = unescape(part)
    if _at(raw) or raw in (".", "..") or raw.startswith(("/", "svc:")):
        return part
    text = ""
    for char in reversed(raw):
        if char == "%":
            # One that no two hexadecimal digits follow stands for itself, and is read back so.
            text = ("%25" if len(text) > 1 and _HEX.issuperset(text[:2]) else "%") + text
        elif char in _SAFE or (char.isprintable() and char != ":"):
            text = char + text
        else:
            text = escape(char, "/") + text
    return text if unescape(text) == raw else part


def _globbed(pattern: str, names: list[str]) -> list[str]:
    from fnmatch import translate
    from re import compile

    whole = pattern if pattern.startswith(("*", "svc:")) else _PREFIX + pattern.removeprefix("/")
    full, short = compile(translate(whole)).match, compile(translate(pattern)).match
    found = [name for name in names if full(name) or short(display(name))]
    if not found:
        raise NoSuchService(f"no service matches {pattern!r}", hint="`stoker ls` lists all")
    return found


def _partial(pattern: str, names: list[str]) -> list[str]:
    shape = pattern.replace("@", ":", 1) if _at(pattern) else pattern
    tails = {shape, "/".join(escape(part, ":") for part in unescape(shape).split("/"))}
    found = [name for name in names if any(_tail(tail, name) for tail in tails)]
    if len(found) == 1:
        return found
    if found:
        shown = [display(name) for name in found]
        raise NoSuchService(
            f"{pattern!r} may be {', '.join(shown[:8])}{' …' if len(shown) > 8 else ''}",
            hint="give more of the name, or a pattern such as '*" + pattern + "*'",
            candidates=shown,
        )
    near = did_you_mean(pattern, [display(name) for name in names])
    hint = f"did you mean {near}?" if near else "`stoker ls` lists all"
    asked = pattern or "'' (an empty name)"
    raise NoSuchService(f"no such service: {asked}", hint=hint, candidates=[near] if near else [])


def _tail(tail: str, name: str) -> bool:
    """SMF's partial match: begins at a boundary and ends at the end or before the instance."""
    at = name.find(tail, len(_PREFIX) - 1)
    while at >= 0 and tail:
        end = at + len(tail)
        begins = tail[0] == ":" or name[at - 1] in "/:"
        ends = end == len(name) or name[end] == ":" or tail[-1] == ":"
        if begins and ends:
            return True
        at = name.find(tail, at + 1)
    return False


def _distance(one: str, two: str, limit: int) -> int:
    """Edits (insert, delete, replace, swap) between two words; `limit` when there are that many or
    more.
    """
    before: list[int] = []
    row = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(two, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == two[j - 2] and one[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) >= limit:
            return limit
    return min(row[-1], limit)
