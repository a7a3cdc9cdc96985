"""Kinds of value that only services have: commands, signals, names, accounts."""

from __future__ import annotations

import re
from typing import Any

from stoker.errors import StokerError, UsageError
from stoker.model import (
    CAPABILITIES,
    Rung,
    canonical,
    did_you_mean,
    is_input,
    signal_number,
)

from .kinds import BAD, Duration, Kind, Spot, Strings, Text, clean, told

__all__ = [
    "Account",
    "Accounts",
    "Capabilities",
    "Command",
    "Environment",
    "FilePath",
    "Inputs",
    "Ladder",
    "Octal",
    "Pattern",
    "Signals",
    "Statuses",
    "Targets",
]

_LONGEST = 131_071  # bytes of one argument, MAX_ARG_STRLEN of execve(2) without its NUL


class FilePath(Text):
    """A path; relative ones are relative to the service's working directory."""

    words = "a path"

    def meaning(self, text: str, spot: Spot) -> Any:
        return text or spot.wrong("an empty path")


class Capabilities(Strings):
    """Capabilities by name, with or without CAP_, in any case."""

    words = 'a list of capabilities such as ["net_bind_service"]'

    def meaning(self, text: str, spot: Spot) -> Any:
        name = text.lower().removeprefix("cap_")
        if name in CAPABILITIES:
            return name
        near = did_you_mean(name[:60], CAPABILITIES)
        hint = f"did you mean {near}?" if near else "capabilities(7) has them"
        return spot.wrong(f'there is no capability "{name[:60]}"', hint)


class Command(Kind):
    """A command: a list of strings, or a string for /bin/sh -c. The strings :true and :kill SIG are
    SMF's (smf_method(7)).
    """

    words = "a command (a list of strings, or a string for /bin/sh)"
    python = list[str] | str

    def __init__(self, keywords: bool = True) -> None:
        self.keywords = keywords

    def read(self, value: Any, spot: Spot) -> Any:
        """(argv, word, signal)."""
        if isinstance(value, str):
            return self.line(value, spot)
        if not isinstance(value, list):
            return spot.wrong(f"expected {self.words}, not {told(value)}")
        if not value:
            return spot.wrong(
                "an empty command", 'write the program and its arguments: ["program", "argument"]'
            )
        found = [self.argument(item, spot.at(at)) for at, item in enumerate(value)]
        if any(item is BAD for item in found):
            return BAD
        if not found[0]:
            return spot.wrong("the name of the program is empty")
        return tuple(found), "", 15

    def line(self, value: str, spot: Spot) -> Any:
        words = value.split()
        if not words:
            return spot.wrong("an empty command")
        if self.keywords and words[0] == ":true" and len(words) == 1:
            return (), ":true", 15
        if self.keywords and words[0] == ":kill" and len(words) <= 2:
            number = Signals().number(words[1].removeprefix("-"), spot) if words[1:] else 15
            return BAD if number is BAD else ((), ":kill", number)
        found = self.argument(value, spot)
        return BAD if found is BAD else (("/bin/sh", "-c", found), "", 15)

    def argument(self, item: Any, spot: Spot) -> Any:
        if not isinstance(item, str):
            return spot.wrong(f"expected a string, not {told(item)}", Text().advice(item))
        if len(item) > _LONGEST // 4 and len(item.encode()) > _LONGEST:
            return spot.wrong(
                f"an argument of {len(item.encode())} bytes; the kernel takes {_LONGEST} at most"
            )
        return clean(item, spot, "an argument")


class Signals(Kind):
    """A signal by name or number, or a list of them that are sent together."""

    python = str | int | list[str | int]
    words = 'a signal such as "TERM"'

    def read(self, value: Any, spot: Spot) -> Any:
        if not isinstance(value, list):
            number = self.number(value, spot)
            return BAD if number is BAD else (number,)
        if not value:
            return spot.wrong("an empty list of signals")
        found = [self.number(item, spot.at(at)) for at, item in enumerate(value)]
        return BAD if any(item is BAD for item in found) else tuple(found)

    def number(self, value: Any, spot: Spot) -> Any:
        """One signal's number, or BAD."""
        if isinstance(value, bool) or not isinstance(value, int | str):
            return spot.wrong(f"expected {self.words}, not {told(value)}")
        try:
            return signal_number(value if isinstance(value, str) else f"{min(max(value, 0), 999)}")
        except UsageError as wrong:
            return spot.wrong(wrong.message, wrong.hint)


class Statuses(Kind):
    """Exit statuses."""

    python = tuple[int, ...]
    words = "a list of exit statuses such as [95, 96]"

    def read(self, value: Any, spot: Spot) -> Any:
        found = self.plain(value, spot)
        if found is not BAD and not all(0 < one < 256 for one in found):
            return spot.wrong("an exit status is from 1 to 255")
        return found


class Ladder(Kind):
    """The stop ladder: each rung "SIGNAL[+SIGNAL…] DURATION"."""

    python = list[str]
    words = 'a list such as ["INT 5s", "TERM+CONT 10s"]'

    def read(self, value: Any, spot: Spot) -> Any:
        if not isinstance(value, list) or not value:
            return spot.wrong(
                f"expected {self.words}, not {'an empty list' if value == [] else told(value)}"
            )
        found = [self.rung(item, spot.at(at)) for at, item in enumerate(value)]
        return BAD if any(item is BAD for item in found) else tuple(found)

    def rung(self, item: Any, spot: Spot) -> Any:
        words = item.split() if isinstance(item, str) else []
        if len(words) != 2:
            return spot.wrong(
                f"expected a signal and a duration, not {told(item)}", 'write "TERM 10s"'
            )
        # "RTMIN+3" is one signal; everywhere else "+" stands between two.
        names = re.findall(r"(?:SIG)?RTMIN\+[0-9]+|[^+]+", words[0], re.IGNORECASE)
        signals = [Signals().number(name, spot) for name in names]
        wait = Duration().read(words[1], spot)
        if wait is BAD or any(number is BAD for number in signals) or not signals:
            return BAD
        return Rung(tuple(signals), wait)


class Octal(Kind):
    """A file mode mask in octal digits."""

    python = str
    words = 'octal digits in quotes such as "022"'

    def read(self, value: Any, spot: Spot) -> Any:
        found = self.plain(value, spot)
        if found is BAD:
            return BAD
        if not re.fullmatch(r"(0o)?[0-7]{1,4}", found) or int(found.removeprefix("0o"), 8) > 0o777:
            return spot.wrong(f'"{found[:40]}" is not a umask', f"expected {self.words}")
        return int(found.removeprefix("0o"), 8)

    def advice(self, value: Any) -> str:
        return 'write "022", with quotes' if isinstance(value, int) else ""

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^(0o)?[0-7]{1,4}$"}


class Account(Kind):
    """A user or group: its name or number."""

    python = str | int
    words = "a name or a number"

    def read(self, value: Any, spot: Spot) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | str):
            return spot.wrong(f"expected {self.words}, not {told(value)}")
        if isinstance(value, int):
            if not 0 <= value < 2**32 - 1:
                return spot.wrong(f"{told(value)} is no id")
            return str(value)
        if not value or not re.fullmatch(r"[^\s:/\0]{1,256}", value):
            return spot.wrong(f"{told(value)} cannot be a name")
        return value


class Accounts(Strings):
    """A list of groups."""

    python = list[str | int]
    words = "a list of names or numbers"

    def one(self, item: Any, spot: Spot) -> Any:
        return Account().read(item, spot)


class Environment(Kind):
    """A table of variables."""

    python = dict[str, str]
    words = "a table of strings"
    merges = True

    def read(self, value: Any, spot: Spot) -> Any:
        if not isinstance(value, dict):
            return spot.wrong(
                f"expected {self.words}, not {told(value)}",
                'write NAME = "value" below [environment]',
            )
        found, good = {}, True
        for name, text in value.items():
            here = spot.at(name)
            if not name or "=" in name or "\0" in name:
                here.wrong("a variable's name is not empty, and has neither = nor NUL")
                good = False
            if not isinstance(text, str):
                here.wrong(f"expected a string, not {told(text)}", Text().advice(text))
                good = False
            elif clean(text, here) is BAD:
                good = False
            else:
                found[name] = text
        return found if good else BAD


class Targets(Strings):
    """A list of services and instances; `wide`: files and inputs too."""

    words = "a list of services"

    def __init__(self, wide: bool = False) -> None:
        self.wide = wide

    def one(self, item: Any, spot: Spot) -> Any:
        if not isinstance(item, str):
            return spot.wrong(f"expected the name of a service, not {told(item)}")
        if item.startswith(("file:", "input:")):
            if not self.wide:
                return spot.wrong(
                    f"only services can stand here, not {told(item)}", "use a [[dependency]]"
                )
            return self.file(item, spot) if item.startswith("file:") else self.input(item, spot)
        try:
            if "\0" in item:
                raise UsageError("a name may not contain a NUL character")
            return canonical(item, "")
        except StokerError as wrong:
            return spot.wrong(wrong.message, wrong.hint)

    def file(self, item: str, spot: Spot) -> Any:
        path = item.removeprefix("file:").removeprefix("//localhost")
        path = path[2:] if path.startswith("//") else path
        if not path.startswith("/") or "\0" in path:
            return spot.wrong(f"{told(item)} is not an absolute path", "write file:///path")
        return f"file://{path}"

    def input(self, item: str, spot: Spot) -> Any:
        name = item.removeprefix("input:")
        if not is_input(name):
            return spot.wrong(f"{told(item)} is not the name of an input", "write input:NAME")
        return item


class Instance(Targets):
    """The name of one instance."""

    python: Any = str
    words = "the name of an instance"

    def read(self, value: Any, spot: Spot) -> Any:
        found = self.one(value, spot)
        return found if found is BAD else canonical(found)

    def advice(self, value: Any) -> str:
        return ""


class Inputs(Strings):
    """Names of conditions of the machine."""

    words = "a list of names of conditions"

    def meaning(self, text: str, spot: Spot) -> Any:
        if is_input(text):
            return text
        return spot.wrong(f"{told(text)} is not the name of a condition", 'write ["NAME"]')


class Pattern(Text):
    """A regular expression."""

    words = "a regular expression"

    def meaning(self, text: str, spot: Spot) -> Any:
        try:
            re.compile(text)
        except (re.error, RecursionError, OverflowError) as wrong:
            return spot.wrong(f"not a regular expression: {wrong}")
        return text
