"""The documents name what there is: a page for each verb, no link into nothing, README commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stoker.cli import verbs

ROOT = Path(__file__).resolve().parents[2]
VERB_PAGES = ROOT / "docs" / "verbs"
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "examples").rglob("*.md"),
    *(page for page in (ROOT / "docs").rglob("*.md") if "generated" not in page.parts),
]


def names() -> set[str]:
    return {verb.name for verb in verbs()}


def test_every_verb_has_a_page_with_its_guarantees() -> None:
    missing = []
    for verb in verbs():
        page = VERB_PAGES / f"{verb.name}.md"
        if not page.exists():
            missing.append(f"{verb.name}: no page")
            continue
        text = page.read_text(encoding="utf-8")
        if not text.startswith(f"# stoker {verb.name}\n\n    {verb.usage}\n"):
            missing.append(f"{verb.name}: its page begins with another title or usage")
        if not re.search(r"^## Guarantees\n\n(- .+\n)+", text, re.MULTILINE):
            missing.append(f"{verb.name}: its page guarantees nothing")
    assert not missing, "\n".join(missing)


def test_every_page_is_of_a_verb() -> None:
    pages = {page.stem for page in VERB_PAGES.glob("*.md")} - {"index"}
    assert pages == names()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    broken = []
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" in target or "/generated/" in target:
            continue
        if not (page.parent / target).exists():
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("name", ["first", "test"])
def test_readme_marks_its_commands(name: str) -> None:
    """The check of a fresh clone runs what stands below these markers, as it stands there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(rf"^<!-- command: {name} -->\n```sh\n(.+)\n```$", text, re.MULTILINE)
    assert len(found) == 1
    assert found[0].startswith(("python3 -m venv .venv && ", ".venv/bin/python "))


def test_readme_fits_the_examples() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for example in re.findall(r"examples/\w+", text):
        assert (ROOT / example).is_dir()
