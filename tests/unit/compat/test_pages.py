"""Every command of a system that has a page to come from it has a page with its guarantees."""

from __future__ import annotations

import re
from pathlib import Path

from stoker.compat import COMMANDS, SYSTEMS

DOCS = Path(__file__).resolve().parents[3] / "docs"
TOLD = [system for system in SYSTEMS if (DOCS / "from" / f"{system}.md").exists()]


def test_there_is_a_page_for_those_who_come_from_sysmgr() -> None:
    assert "sysmgr" in TOLD
    text = (DOCS / "from" / "sysmgr.md").read_text(encoding="utf-8")
    for title in ("The same", "Better", "Different"):
        assert f"\n## {title}\n" in text


def test_every_command_has_a_page() -> None:
    for name, (system, _module, _text) in COMMANDS.items():
        if system in TOLD:
            text = (DOCS / "commands" / f"{name}.md").read_text(encoding="utf-8")
            assert text.startswith(f"# {name}\n\n    {name}"), name


def test_the_pages_of_sysmgr_say_what_they_guarantee() -> None:
    for name in (name for name, row in COMMANDS.items() if row[0] == "sysmgr"):
        text = (DOCS / "commands" / f"{name}.md").read_text(encoding="utf-8")
        assert re.search(r"^## Guarantees\n\n- ", text, re.MULTILINE), name


def test_every_page_is_of_a_command() -> None:
    pages = {page.stem for page in (DOCS / "commands").glob("*.md")} - {"index"}
    assert pages <= set(COMMANDS)
