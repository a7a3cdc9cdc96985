"""The template of a service ↔ groups of type template (smf_template(7)).

Names and texts: `tm_common_name`, `tm_description` (a property for each locale), `tm_man_TITLE
SECTION`, `tm_doc_NAME`; patterns of groups and properties as `tm_pgpatt_…` and `tm_proppatt_…`.
"""

from __future__ import annotations

from collections.abc import Callable

from stoker.errors import UsageError
from stoker.model import Group, Property, checked

from .xml import Element

__all__ = ["patterns", "squeeze", "template"]

Tell = Callable[[Element, str, str], None]


def squeeze(text: str) -> str:
    """A text as it is kept: without space around it."""
    return text.strip()


def locale(name: str) -> str:
    """A locale as the name of a property: characters that none may have become _."""
    return "".join(char if char.isalnum() or char in "-_" else "_" for char in name)


def template(one: Element, tell: Tell) -> dict[str, Group]:
    """Names, texts and documentation."""
    found: dict[str, Group] = {}
    for tag in ("common_name", "description"):
        texts = one.first(tag)
        if texts is not None:
            properties = {
                name: Property("ustring", values) for name, values in _texts(texts, tell).items()
            }
            found[f"tm_{tag}"] = Group("template", properties)
    documentation = one.first("documentation")
    for page in documentation.children if documentation is not None else ():
        if page.name == "manpage":
            name = f"tm_man_{page.get('title')}{page.get('section')}"
            parts: tuple[str, ...] = ("title", "section", "manpath")
        else:
            name, parts = f"tm_doc_{page.get('name')}", ("name", "uri")
        name = "".join(char if char.isalnum() or char in "-_" else "_" for char in name)
        kinds = {"manpath": "astring", "uri": "uri"}
        found[name] = Group(
            "template",
            {part: Property(kinds.get(part, "astring"), (page.get(part),)) for part in parts},
        )
    return found


def _texts(one: Element, tell: Tell) -> dict[str, tuple[str, ...]]:
    """The texts of an element by locale."""
    found: dict[str, tuple[str, ...]] = {}
    for text in one.all("loctext"):
        name = locale(text.get("xml:lang"))
        if name in found:
            tell(text, f"the locale {name!r} is given twice", "one text for each")
        try:
            found[name] = (checked("ustring", squeeze(text.text)),)
        except UsageError as wrong:
            tell(text, wrong.message, wrong.hint)
    return found


def patterns(one: Element, tell: Tell) -> dict[str, Group]:
    """A pg_pattern and its prop_patterns."""
    name, kind = one.get("name"), one.get("type")
    mark = "nt" if name and kind else "n" if name else "t" if kind else ""
    whole = "_".join(part for part in (mark, name, kind) if part)
    own = f"tm_pgpatt_{whole}"
    properties = _simple(one, "name", "type", "target", "required")
    _localized(one, properties, tell)
    found = {own: Group("template_pg_pattern", properties)}
    for pattern in one.all("prop_pattern"):
        made = _simple(pattern, "name", "type", "required")
        made["pg_pattern"] = Property("astring", (own,))
        _localized(pattern, made, tell, "units")
        _details(pattern, made, tell)
        key = f"tm_proppatt_{whole}_{pattern.get('name')}"
        if key in found:
            tell(pattern, "the pattern is given twice", "make one of the two")
        found[key] = Group("template_prop_pattern", made)
    return found


def _simple(one: Element, *names: str) -> dict[str, Property]:
    found = {}
    for name in names:
        value = one.get(name)
        if value:
            kind = "boolean" if name == "required" else "astring"
            found[name] = Property(kind, (value,))
    return found


def _localized(one: Element, into: dict[str, Property], tell: Tell, *more: str) -> None:
    for tag in ("common_name", "description", *more):
        texts = one.first(tag)
        if texts is not None:
            for name, values in _texts(texts, tell).items():
                into[f"{tag}_{name}"] = Property("ustring", values)


def _details(one: Element, into: dict[str, Property], tell: Tell) -> None:
    """Visibility, cardinality, separators, values, constraints and choices of a prop_pattern."""
    visibility, cardinality = one.first("visibility"), one.first("cardinality")
    if visibility is not None:
        into["visibility"] = Property("astring", (visibility.get("value"),))
    if cardinality is not None:
        for name in ("min", "max"):
            if name in cardinality.attributes:
                try:
                    text = checked("count", cardinality.get(name))
                except UsageError as wrong:
                    tell(cardinality, wrong.message, wrong.hint)
                    continue
                into[f"cardinality_{name}"] = Property("count", (text,))
    separators = one.first("internal_separators")
    if separators is not None:
        into["internal_separators"] = Property("astring", tuple(separators.text.strip()))
    values = one.first("values")
    if values is not None:
        into["values_name"] = _named(values, into, tell)
    for tag, key in (("constraints", "constraint"), ("choices", "choices")):
        block = one.first(tag)
        if block is None:
            continue
        into[f"{key}_name"] = _named(block, into, tell)
        ranges = tuple(f"{r.get('min')},{r.get('max')}" for r in block.all("range"))
        if ranges:
            into[f"{key}_range"] = Property("astring", ranges)
        include = tuple(each.get("type") for each in block.all("include_values"))
        if include:
            into[f"{key}_include_values"] = Property("astring", include)


def _named(block: Element, into: dict[str, Property], tell: Tell) -> Property:
    names = []
    for value in block.all("value"):
        names.append(value.get("name"))
        texts: dict[str, Property] = {}
        _localized(value, texts, tell)
        for name, one in texts.items():
            into[f"value_{value.get('name')}_{name}"] = one
    return Property("astring", tuple(names))
