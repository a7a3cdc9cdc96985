"""Put manual pages and shell completion into the wheel, made from the command's own table of verbs;
and the compiled spawner, where there is a compiler.

The completion is what ``stoker completion SHELL`` prints; the manual pages come from
``stoker.cli.parser()``. So neither can say what the command does not do.

``python hatch_build.py DIRECTORY`` writes the same files for a look.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import runpy
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent

# Where the files go, below the environment's prefix.
MAN = "share/man/man1"
COMPLETION = {
    "bash": "share/bash-completion/completions/stoker",
    "zsh": "share/zsh/site-functions/_stoker",
    "fish": "share/fish/vendor_completions.d/stoker.fish",
}


def completion(shell: str) -> str:
    """What ``stoker completion SHELL`` prints."""
    from stoker.cli import main

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = main(["completion", shell])
    if status != 0:
        raise RuntimeError(f"stoker completion {shell} ended with {status}")
    return printed.getvalue()


def manual() -> dict[str, str]:
    """``stoker.1`` and one page for each verb, ``stoker-VERB.1``."""
    from argparse_manpage.manpage import Manpage

    from stoker.cli import parser

    top = parser()
    data = {"project_name": "stoker", "authors": ["the stoker authors"], "manual_title": "stoker"}
    pages = {}
    for name, page in {"stoker": top, **below(top)}.items():
        page.man_short_description = short(page)  # type: ignore[attr-defined]
        pages[f"{MAN}/{name}.1"] = str(Manpage(page, _data=data))
    return pages


def below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of the verbs, by the name of their page."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return {f"stoker-{verb}": sub for verb, sub in action.choices.items()}
    return {}


def short(parser: argparse.ArgumentParser) -> str:
    """The first sentence of a parser's description, for the NAME section."""
    text = " ".join((parser.description or "").replace("%%", "%").split())
    return text.split(". ")[0].rstrip(".")


def everything() -> dict[str, str]:
    """All files: path below the prefix, and text."""
    sys.path.insert(0, str(ROOT / "src"))
    try:
        return manual() | {where: completion(shell) for shell, where in COMPLETION.items()}
    finally:
        sys.path.pop(0)


def write(directory: Path, files: dict[str, str]) -> None:
    """Write the files below a directory."""
    for name, text in files.items():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


class Pages(BuildHookInterface):
    """Adds the files to a wheel; in an editable install nothing would keep them fresh."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files, in a temporary directory, and name them to the builder."""
        if self.target_name != "wheel" or version == "editable":
            return
        self._made = tempfile.TemporaryDirectory(prefix="stoker-pages-")
        self._spawner(build_data)
        files = everything()
        write(Path(self._made.name), files)
        for name in files:
            build_data["shared_data"][str(Path(self._made.name, name))] = name

    def _spawner(self, build_data: dict[str, Any]) -> None:
        """Compile the spawner, where that can be done; the wheel is then for this machine's kind.

        With STOKER_PURE in the environment it is left out, and the wheel is for all.
        """
        if os.environ.get("STOKER_PURE"):
            return
        # By path: the package around it needs what is not here while a wheel is being built.
        build = runpy.run_path(str(ROOT / "src/stoker/process/building.py"))["build"]
        target = str(Path(self._made.name, "spawner"))
        if why := build(target):
            print(f"without the compiled spawner: {why}", file=sys.stderr)
            return
        build_data["force_include"][target] = "stoker/process/spawner"
        build_data["pure_python"] = False
        kind = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{kind}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary directory."""
        made = getattr(self, "_made", None)
        if made is not None:
            made.cleanup()


if __name__ == "__main__":
    write(Path(sys.argv[1]), everything())
