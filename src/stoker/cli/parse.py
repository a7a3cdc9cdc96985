"""Parsing by the table: options anywhere, abbreviated verbs and long options, `--` to end them."""

from __future__ import annotations

from .call import Call
from .table import GLOBAL, VERBS, Argument, Option, Verb, verb_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NoReturn

__all__ = ["parse"]


def parse(words: list[str]) -> Call:
    """The call that a command line means. Raises UsageError."""
    options: dict[str, Any] = {}
    rest = _options(words, GLOBAL, options, stop_at_word=True)
    if options.pop("version", False):
        return Call(_verb("version"), {}, options)
    if not rest:
        return Call(_verb("help"), {"verb": None}, options)
    verb = _verb(rest[0])
    if options.pop("help", False):
        return Call(_verb("help"), {"verb": verb.name}, options)
    rest = _options(rest[1:], (*verb.options, *GLOBAL), options, verb=verb)
    if options.pop("help", False):
        return Call(_verb("help"), {"verb": verb.name}, options)
    if options.pop("version", False):
        return Call(_verb("version"), {}, options)
    arguments = {} if _names_nothing(verb, options) else _arguments(verb, rest)
    return Call(verb, arguments, options)


def _names_nothing(verb: Verb, options: dict[str, Any]) -> bool:
    return verb.name == "completion" and bool(options.get("names") or options.get("verbs"))


def _verb(word: str) -> Verb:
    """The verb that is exactly this, or the only one that begins so."""
    found = verb_named(word)
    if found is not None:
        return found
    begin = [verb for verb in VERBS if verb.name.startswith(word)] if word else []
    if len(begin) == 1:
        return begin[0]
    if begin:
        _wrong(f"{word!r} may be {', '.join(verb.name for verb in begin)}", "write more of it")
    from stoker.model import did_you_mean

    if _of_others(word):
        raise _error(
            f"{word} is another system's command", f"stoker {word} …, without options first"
        )
    other = {"list": "ls", "ps": "ls", "log": "logs", "show": "status", "tail": "logs"}
    near = other.get(word) or did_you_mean(word, [verb.name for verb in VERBS])
    hint = f"did you mean {near}?" if near else "stoker help lists all verbs"
    raise _error(f"no such verb: {word}", hint)


def _of_others(word: str) -> bool:
    from stoker.compat import COMMANDS

    return word in COMMANDS


def _options(
    words: list[str],
    known: Iterable[Option],
    into: dict[str, Any],
    *,
    stop_at_word: bool = False,
    verb: Verb | None = None,
) -> list[str]:
    """Take options out of `words`; returns what is left. `--` stays where a rest is wanted."""
    known = tuple(known)
    left: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "--":
            keep = verb is not None and any(one.kind == "rest" for one in verb.arguments)
            return [*left, *(["--"] if keep else []), *words[at:]]
        if word == "--json" and verb is None:
            into["json"] = True
        elif word.startswith("--"):
            at = _long(word, words, at, known, into, verb)
        elif word.startswith("-") and word != "-":
            at = _short(word, words, at, known, into, verb)
        else:
            left.append(word)
            if stop_at_word:
                return [*left, *words[at:]]
    return left


def _long(
    word: str,
    words: list[str],
    at: int,
    known: tuple[Option, ...],
    into: dict[str, Any],
    verb: Verb | None,
) -> int:
    name, equals, value = word.partition("=")
    found = [one for one in known if name in (one.long, one.other)]
    if not found:
        found = list(dict.fromkeys(one for one in known if one.long.startswith(name)))
        if len(found) > 1:
            _wrong(f"{name} may be {', '.join(one.long for one in found)}", "write more of it")
    if not found:
        _unknown(name, known, verb)
    option = found[0]
    if not option.value:
        if equals:
            _wrong(f"{option.long} takes no value", _help(verb))
        into[option.name] = True
        return at
    if not equals:
        if at >= len(words):
            _wrong(f"{name} needs a value: {name} {option.value}", _help(verb))
        value = words[at]
        at += 1
    into[option.name] = _checked(option, value)
    return at


def _short(
    word: str,
    words: list[str],
    at: int,
    known: tuple[Option, ...],
    into: dict[str, Any],
    verb: Verb | None,
) -> int:
    for place, letter in enumerate(word[1:], 2):
        found = [one for one in known if one.short == f"-{letter}"]
        if not found:
            _unknown(f"-{letter}", known, verb)
        option = found[0]
        if not option.value:
            into[option.name] = True
            continue
        value = word[place:].removeprefix("=")
        if not value:
            if at >= len(words):
                _wrong(f"-{letter} needs a value: -{letter} {option.value}", _help(verb))
            value = words[at]
            at += 1
        into[option.name] = _checked(option, value)
        break
    return at


def _checked(option: Option, text: str) -> Any:
    """The value as what it is. Times are given to verbs as seconds or wall nanoseconds."""
    if option.kind == "time":
        from stoker.model import duration

        return duration(f"{text}s" if text.replace(".", "", 1).isdecimal() else text)
    if option.kind in ("when", "past"):
        import time

        from stoker.model import parse_time

        return parse_time(text, time.time_ns(), past=option.kind == "past")
    if option.kind == "count":
        if not text.isascii() or not text.isdecimal():
            _wrong(f"{option.long} needs a number, not {text!r}", "")
        return int(text)
    if option.choices and text not in option.choices:
        _choice(option.long, text, option.choices)
    return text


def _arguments(verb: Verb, words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    left = list(words)
    for index, argument in enumerate(verb.arguments):
        if argument.kind == "rest":
            found[argument.name] = left[1:] if left[:1] == ["--"] else left
            left = []
        elif argument.many in ("*", "+"):
            later = sum(1 for one in verb.arguments[index + 1 :] if one.many == "")
            take = len(left) - later
            if argument.many == "+" and take < 1:
                _missing(verb, argument)
            found[argument.name], left = left[:take], left[take:]
        elif left and left[0] != "--":
            found[argument.name] = left.pop(0)
            if argument.choices and found[argument.name] not in argument.choices:
                _choice(f"stoker {verb.name}", found[argument.name], argument.choices)
        elif argument.many == "?":
            found[argument.name] = None
        else:
            _missing(verb, argument)
    if left:
        _wrong(f"stoker {verb.name} takes no {left[0]!r}", f"usage: {verb.usage}")
    return found


def _missing(verb: Verb, argument: Argument) -> NoReturn:
    hint = f"usage: {verb.usage}"
    if argument.kind == "service":
        _wrong(f"stoker {verb.name} needs the name of a service ('*' means all)", hint)
    _wrong(f"stoker {verb.name} needs {argument.word}: {argument.summary}", hint)


def _choice(what: str, text: str, choices: tuple[str, ...]) -> NoReturn:
    from stoker.model import did_you_mean

    near = did_you_mean(text, choices)
    hint = f"did you mean {near}?" if near else ""
    _wrong(f"{what}: {text!r} is none of {', '.join(choices)}", hint)


def _unknown(name: str, known: tuple[Option, ...], verb: Verb | None) -> NoReturn:
    from stoker.model import did_you_mean

    names = [one.long for one in known] + [one.other for one in known if one.other]
    near = did_you_mean(name, names) if name.startswith("--") else None
    where = f"stoker {verb.name}" if verb is not None else "stoker"
    hint = f"did you mean {near}?" if near else _help(verb)
    if verb is None and any(name in (o.long, o.short) for v in VERBS for o in v.options):
        hint = "it belongs behind the verb"
    _wrong(f"{where} has no option {name}", hint)


def _help(verb: Verb | None) -> str:
    return f"stoker help {verb.name}" if verb is not None else "stoker help"


def _wrong(message: str, hint: str) -> NoReturn:
    raise _error(message, hint)


def _error(message: str, hint: str) -> Exception:
    from stoker.errors import UsageError  # here: most command lines are understood

    return UsageError(message, hint=hint)
