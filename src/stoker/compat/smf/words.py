"""The words of a svccfg line: quotes and backslashes as in svccfg(8), parentheses by themselves."""

from __future__ import annotations

from stoker.errors import UsageError

__all__ = ["Word", "quoted", "split_line"]


class Word(str):
    """A word that remembers whether it was quoted: "(" and `(` differ."""

    bare = True


def split_line(text: str) -> list[Word]:
    """The words of a line. `#` begins a comment where a word would begin. Raises UsageError."""
    found: list[Word] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
        elif char == "#":
            break
        elif char in "()":
            found.append(Word(char))
            at += 1
        else:
            word, at = _word(text, at)
            found.append(word)
    return found


def _word(text: str, at: int) -> tuple[Word, int]:
    parts: list[str] = []
    bare = True
    while at < len(text) and not text[at].isspace() and text[at] not in "()":
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            parts.append(text[at + 1])
            bare = False
            at += 2
        elif char == '"':
            bare = False
            at += 1
            while at < len(text) and text[at] != '"':
                if text[at] == "\\" and at + 1 < len(text):
                    at += 1
                parts.append(text[at])
                at += 1
            if at >= len(text):
                raise UsageError("a quotation mark is not closed")
            at += 1
        else:
            parts.append(char)
            at += 1
    word = Word("".join(parts))
    word.bare = bare
    return word, at


def quoted(value: str) -> str:
    """A value as listings show it: in quotation marks where it would not be one word."""
    if value and not any(char.isspace() or char in '"\\()#;' for char in value):
        return value
    body = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{body}"'
