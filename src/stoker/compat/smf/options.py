"""Options as the commands of SMF take them: letters, together or apart, values after some."""

from __future__ import annotations

from stoker.errors import UsageError

__all__ = ["letters"]


def letters(words: list[str], plain: str, valued: str) -> tuple[set[str], dict[str, str]]:
    """Take the options from the front of `words`: those given, and the values of those that have
    one. Raises UsageError.
    """
    flags: set[str] = set()
    values: dict[str, str] = {}
    while words and words[0].startswith("-") and len(words[0]) > 1:
        some = words.pop(0)[1:]
        if some == "-":
            break
        while some:
            letter, some = some[0], some[1:]
            if letter in plain:
                flags.add(letter)
            elif letter in valued:
                if not some and not words:
                    raise UsageError(f"-{letter} needs a value")
                values[letter] = some or words.pop(0)
                some = ""
            else:
                raise UsageError(f"there is no option -{letter}")
    return flags, values
