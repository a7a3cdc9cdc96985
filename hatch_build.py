"""Put manual pages and shell completion into the wheel, made from the command's own parser.

Everything comes from ``stoker.cli.parser()``, so that no page says what the command does not do.
Names of services are completed live: the shell asks ``stoker completion --names`` each time.
Where the parser cannot be imported (a tree in the middle of work), the wheel has no pages, and
the build says so; the build never fails for want of a page.

``python hatch_build.py DIRECTORY`` writes the same files for a look.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
NAMES = "stoker completion --names"

# Arguments by the name argparse stores them under: what may stand there.
SERVICES = {"name", "names", "service", "services"}
FILES = {"path", "paths", "directory", "place", "project", "runtime_dir"}

BASH_PREAMBLE = f"""
_stoker_names() {{ compgen -W "$({NAMES} 2>/dev/null)" -- "$1"; }}
"""
ZSH_PREAMBLE = f"""
_stoker_names() {{
  local -a names
  names=(${{(f)"$({NAMES} 2>/dev/null)"}})
  compadd -a names
}}
"""

# Where the files go, below the environment's prefix.
MAN = "share/man/man1"
BASH = "share/bash-completion/completions/stoker"
ZSH = "share/zsh/site-functions/_stoker"
FISH = "share/fish/vendor_completions.d/stoker.fish"


def verbs(parser: argparse.ArgumentParser) -> dict[str, tuple[argparse.ArgumentParser, str]]:
    """The sub-parsers by verb, each with its line of help."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            return {verb: (sub, helps.get(verb, "")) for verb, sub in action.choices.items()}
    return {}


def options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """What a person is told of: options and arguments whose help is not suppressed."""
    for action in parser._actions:
        if action.help != argparse.SUPPRESS and not isinstance(action, argparse._SubParsersAction):
            yield action


def mark_live(parser: argparse.ArgumentParser) -> None:
    """Tell shtab which arguments are names of services and which are files."""
    import shtab

    for one in (parser, *(sub for sub, _help in verbs(parser).values())):
        for action in options(one):
            if action.dest in SERVICES and not action.option_strings:
                action.complete = {"bash": "_stoker_names", "zsh": "_stoker_names"}  # type: ignore[attr-defined]
            elif action.dest in FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]


def bash_and_zsh(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Completion for bash and zsh, by shtab."""
    import shtab

    mark_live(parser)
    preamble = {"bash": BASH_PREAMBLE, "zsh": ZSH_PREAMBLE}
    return {
        where: shtab.complete(parser, shell=shell, preamble=preamble)
        for where, shell in ((BASH, "bash"), (ZSH, "zsh"))
    }


def quoted(text: str) -> str:
    """As one word of fish: only backslash and quote mean something between single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_option(action: argparse.Action, condition: str) -> str:
    """One ``complete`` line for an option."""
    words = [f"complete -c stoker -n {quoted(condition)}"]
    for option in action.option_strings:
        words.append(f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}")
    if action.nargs != 0:
        words.append("-r")
        if action.choices:
            words.append("-f -a " + quoted(" ".join(str(choice) for choice in action.choices)))
        elif action.dest in FILES:
            words.append("-F")
    if action.help:
        words.append("-d " + quoted(plain(action.help)))
    return " ".join(words)


def plain(text: str) -> str:
    """Help as argparse would print it, its doubled percent signs undone, on one line."""
    return " ".join(text.replace("%%", "%").split())


def fish(parser: argparse.ArgumentParser) -> str:
    """Completion for fish, which shtab does not know."""
    lines = [
        "# Completion of stoker for fish.",
        "complete -c stoker -f",
        f"function __stoker_names; {NAMES} 2>/dev/null; end",
    ]
    before = "__fish_use_subcommand"
    lines += [fish_option(a, before) for a in options(parser) if a.option_strings]
    for verb, (sub, text) in verbs(parser).items():
        lines.append(
            f"complete -c stoker -n {quoted(before)} -a {quoted(verb)} -d {quoted(plain(text))}"
        )
        within = f"__fish_seen_subcommand_from {verb}"
        for action in options(sub):
            if action.option_strings:
                lines.append(fish_option(action, within))
            elif action.dest in SERVICES:
                lines.append(f"complete -c stoker -n {quoted(within)} -a '(__stoker_names)'")
            elif action.dest in FILES:
                lines.append(f"complete -c stoker -n {quoted(within)} -F")
            elif action.choices:
                words = " ".join(str(choice) for choice in action.choices)
                lines.append(f"complete -c stoker -n {quoted(within)} -a {quoted(words)}")
    return "\n".join(lines) + "\n"


def manual(parser: argparse.ArgumentParser) -> dict[str, str]:
    """``stoker.1`` and one page for each verb, ``stoker-VERB.1``."""
    from argparse_manpage.manpage import Manpage

    pages = {}
    for name, page in [("stoker", parser)] + [
        (f"stoker-{verb}", sub) for verb, (sub, _help) in verbs(parser).items()
    ]:
        page.man_short_description = short(page)  # type: ignore[attr-defined]
        data = {
            "project_name": "stoker",
            "authors": ["the stoker authors"],
            "manual_title": "stoker",
        }
        pages[f"{MAN}/{name}.1"] = str(Manpage(page, _data=data))
    return pages


def short(parser: argparse.ArgumentParser) -> str:
    """The first sentence of a parser's description, for the NAME section."""
    text = " ".join((parser.description or "keep services running").split())
    return text.split(". ")[0].rstrip(".")


def everything() -> dict[str, str]:
    """All files: path below the prefix, and text."""
    sys.path.insert(0, str(ROOT / "src"))
    try:
        from stoker.cli import parser as make
    finally:
        sys.path.pop(0)
    files = manual(make())
    files.update(bash_and_zsh(make()))
    files[FISH] = fish(make())
    return files


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # run by hand, outside a build
    BuildHookInterface = None  # type: ignore[assignment,misc]

if BuildHookInterface is not None:

    class Pages(BuildHookInterface):
        """Adds the files to a wheel; in an editable install nothing would keep them fresh."""

        PLUGIN_NAME = "custom"

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            if self.target_name != "wheel" or version == "editable":
                return
            try:
                files = everything()
            except ImportError as error:
                self.app.display_warning(f"no manual pages and no completion: {error}")
                return
            self._made = tempfile.TemporaryDirectory(prefix="stoker-pages-")
            write(Path(self._made.name), files)
            for name in files:
                build_data["shared_data"][str(Path(self._made.name, name))] = name

        def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
            made = getattr(self, "_made", None)
            if made is not None:
                made.cleanup()


if __name__ == "__main__":
    write(Path(sys.argv[1]), everything())
