"""service-control (svc): commands for supervise directories (nosh.md 4.2)."""

from __future__ import annotations

import sys

from .bundles import Bundle, asked_for_help, complain
from .supervised import command

__all__ = ["main", "send", "svc"]

LETTERS = {
    "up": "u", "down": "d", "once": "o", "at-most-once": "O", "exit": "x", "pause": "p",
    "continue": "c", "hangup": "h", "hangup-main": "H", "alarm": "a", "interrupt": "i",
    "terminate": "t", "terminate-main": "T", "kill": "k", "kill-main": "K", "quit": "q",
    "usr1": "1", "usr2": "2", "window": "w", "suspend": "z",
}  # fmt: skip
USAGE = f"""[OPTION…] DIRECTORY…

Options, in the order given: {", ".join("--" + name for name in LETTERS)},
or their letters as svc(8) has them."""


def main(arguments: list[str]) -> int:
    """The command. What fails is told on standard output, and the exit status is 0, as in nosh; a
    wrong usage is 1.
    """
    return _run("service-control", arguments)


def svc(arguments: list[str]) -> int:
    """The same by its old name."""
    return _run("svc", arguments)


def _run(program: str, arguments: list[str]) -> int:
    if asked_for_help(program, arguments, USAGE):
        return 0
    letters = ""
    words = list(arguments)
    while words and words[0].startswith("-") and len(words[0]) > 1:
        word = words.pop(0)
        if word == "--":
            break
        if word.startswith("--") and word[2:] in LETTERS:
            letters += LETTERS[word[2:]]
        elif not word.startswith("--") and set(word[1:]) <= set(LETTERS.values()):
            letters += word[1:]
        else:
            complain(program, f"{word}: unrecognized option")
            return 1
    for directory in words:
        send(directory, letters)
    return 0


def send(directory: str, letters: str) -> bool:
    """Write them to a supervise directory, or to that of a bundle; what fails is told."""
    try:
        command(Bundle(directory).supervise, letters)
    except OSError as error:
        sys.stdout.write(f"{directory}: {error.strerror}\n")
        return False
    return True
