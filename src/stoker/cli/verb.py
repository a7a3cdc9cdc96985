"""What a verb is: its arguments, its options, its exit statuses."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["STATUSES", "Argument", "Option", "Verb"]

STATUSES = {
    0: "done, or shown",
    1: "it failed, or what was asked about is not so",
    2: "the command line is not understood",
    3: "no manager runs here",
    4: "no such service",
    5: "not yet so when the time given was over",
}


class Option:
    """`--long` or `-s`; `value` is the word for its value, "" for a switch.

    `kind`: what the value is: "", "time", "count", "state", "file", "directory", "choice".
    """

    __slots__ = ("choices", "kind", "long", "other", "short", "summary", "value")

    def __init__(
        self,
        long: str,
        summary: str,
        *,
        value: str = "",
        short: str = "",
        other: str = "",
        kind: str = "",
        choices: Iterable[str] = (),
    ) -> None:
        self.long, self.short, self.other = long, short, other
        self.summary, self.value, self.kind = summary, value, kind
        self.choices = tuple(choices)

    @property
    def name(self) -> str:
        """The key under which a call has it."""
        return self.long.lstrip("-").replace("-", "_")


class Argument:
    """What stands without a dash. `many`: "" exactly one, "?" at most one, "*" any, "+" some.

    `kind`: "service", "directory", "word", "choice", "rest" (all words to the end, after `--`).
    """

    __slots__ = ("choices", "kind", "many", "name", "summary")

    def __init__(
        self,
        name: str,
        summary: str,
        *,
        many: str = "",
        kind: str = "",
        choices: Iterable[str] = (),
    ) -> None:
        self.name, self.summary, self.many, self.kind = name, summary, many, kind
        self.choices = tuple(choices)

    @property
    def word(self) -> str:
        """What stands for one of it in a usage line."""
        return "NAME" if self.kind == "service" else self.name.upper()


class Verb:
    """One verb: what help, pages and completion say of it, and how it is parsed."""

    __slots__ = ("arguments", "fast", "name", "options", "statuses", "summary", "text")

    def __init__(
        self,
        name: str,
        summary: str,
        text: str,
        arguments: Iterable[Argument] = (),
        options: Iterable[Option] = (),
        *,
        statuses: dict[int, str] | None = None,
        fast: bool = True,
    ) -> None:
        self.name, self.summary, self.text = name, summary, text
        self.arguments, self.options = tuple(arguments), tuple(options)
        self.statuses = {0: "shown", 2: STATUSES[2], **(statuses or {})}
        self.fast = fast

    @property
    def usage(self) -> str:
        """One line: `stoker stop [OPTION…] NAME…`."""
        words = [f"stoker {self.name}"]
        if self.options:
            words.append("[OPTION…]")
        for argument in self.arguments:
            shown = argument.word
            if argument.choices:
                shown = "|".join(argument.choices)
            if argument.kind == "rest":
                shown = f"-- {shown}"
            if argument.many in ("*", "+"):
                shown += "…"
            words.append(f"[{shown}]" if argument.many in ("*", "?") else shown)
        return " ".join(words)
