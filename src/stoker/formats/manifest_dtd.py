"""What the DTD of service bundles allows (service_bundle.dtd.1), as one table, and the check by it.

A profile is checked with the types of properties and groups left optional and with XInclude, as
svccfg(8) does.
"""

from __future__ import annotations

from collections.abc import Callable

from stoker.model import VALUE_TYPES

from .xml import Element

__all__ = ["DTD", "SYSTEM_ID", "check_bundle"]

SYSTEM_ID = "/usr/share/lib/xml/dtd/service_bundle.dtd.1"

Slot = tuple[frozenset[str], int, bool]  # names, at least, any number?
Tell = Callable[[Element, str, str], None]


class Attribute:
    """An attribute: must it be there, what does it stand for if not, which words may it have."""

    __slots__ = ("default", "required", "words")

    def __init__(self, required: bool, default: str | None, words: tuple[str, ...] = ()) -> None:
        self.required, self.default, self.words = required, default, words


class Shape:
    """One kind of element: its children in order, its attributes, whether it holds text."""

    __slots__ = ("attributes", "slots", "text")

    def __init__(self, children: str, *, text: bool = False, **attributes: Attribute) -> None:
        self.slots = tuple(_slot(word) for word in children.split())
        self.attributes = {name.replace("__", ":"): one for name, one in attributes.items()}
        self.text = text


def _slot(word: str) -> Slot:
    mark = word[-1] if word[-1] in "?*+" else ""
    names = frozenset(word.rstrip("?*+").split("|"))
    return names, int(mark in ("", "+")), mark in ("*", "+")


_needed, _free = Attribute(True, None), Attribute(False, None)
_flag = Attribute(False, "false", ("true", "false"))
_bool = Attribute(True, None, ("true", "false"))
_grouping = Attribute(True, None, ("require_all", "require_any", "exclude_all", "optional_all"))
_restart = Attribute(True, None, ("error", "restart", "refresh", "none"))
_type = Attribute(True, None, VALUE_TYPES)
_maybe_type = Attribute(False, None, VALUE_TYPES)
_lists = "|".join(f"{kind}_list" for kind in VALUE_TYPES)

DTD: dict[str, Shape] = {
    "service_bundle": Shape("service_bundle|service|xi:include*", type=_needed, name=_needed),
    "service": Shape(
        "create_default_instance? single_instance? restarter? dependency* dependent* "
        "method_context? exec_method* notification_parameters* property_group* instance* "
        "stability? template?",
        name=_needed, version=_needed,
        type=Attribute(True, None, ("service", "restarter", "milestone")),
    ),
    "instance": Shape(
        "restarter? dependency* dependent* method_context? exec_method* "
        "notification_parameters* property_group* template?", name=_needed, enabled=_bool,
    ),
    "create_default_instance": Shape("", enabled=_bool),
    "single_instance": Shape(""),
    "restarter": Shape("service_fmri"),
    "service_fmri": Shape("", value=_needed),
    "dependency": Shape(
        "service_fmri* stability? propval|property*", name=_needed, grouping=_grouping,
        restart_on=_restart, type=_needed, delete=_flag,
    ),
    "dependent": Shape(
        "service_fmri stability? propval|property*", name=_needed, grouping=_grouping,
        restart_on=_restart, delete=_flag, override=_flag,
    ),
    "method_context": Shape(
        "method_profile|method_credential? method_environment?", security_flags=_free,
        working_directory=_free, project=_free, resource_pool=_free,
    ),
    "method_profile": Shape("", name=_needed),
    "method_credential": Shape(
        "", user=_needed, group=_free, supp_groups=_free, privileges=_free,
        limit_privileges=_free,
    ),
    "method_environment": Shape("envvar+"),
    "envvar": Shape("", name=_needed, value=_needed),
    "exec_method": Shape(
        "method_context? stability? propval|property*",
        type=Attribute(True, None, ("method", "monitor")), name=_needed, exec=_needed,
        timeout_seconds=_needed, delete=_flag,
    ),
    "property_group": Shape(
        "stability? propval|property*", name=_needed, type=_needed, delete=_flag
    ),
    "propval": Shape("", name=_needed, type=_type, value=_needed, override=_flag),
    "property": Shape(_lists + "?", name=_needed, type=_type, override=_flag),
    **{f"{kind}_list": Shape("value_node+") for kind in VALUE_TYPES},
    "value_node": Shape("", value=_needed),
    "stability": Shape(
        "", value=Attribute(
            True, None, ("Standard", "Stable", "Evolving", "Unstable", "External", "Obsolete")
        ),
    ),
    "template": Shape("common_name description? documentation? pg_pattern*"),
    "common_name": Shape("loctext+"),
    "description": Shape("loctext+"),
    "units": Shape("loctext+"),
    "loctext": Shape("", text=True, xml__lang=_needed),
    "documentation": Shape("doc_link|manpage*"),
    "doc_link": Shape("", name=_needed, uri=_needed),
    "manpage": Shape(
        "", title=_needed, section=_needed, manpath=Attribute(False, ":default")
    ),
    "pg_pattern": Shape(
        "common_name? description? prop_pattern*", name=_free, type=_free, required=_flag,
        target=Attribute(False, "this", ("this", "instance", "delegate", "all")),
    ),
    "prop_pattern": Shape(
        "common_name? description? units? visibility? cardinality? internal_separators? values? "
        "constraints? choices?", name=_needed, type=_maybe_type, required=_flag,
    ),
    "visibility": Shape("", value=Attribute(True, None, ("hidden", "readonly", "readwrite"))),
    "cardinality": Shape("", min=_free, max=_free),
    "internal_separators": Shape("", text=True),
    "values": Shape("value+"),
    "value": Shape("common_name? description?", name=_needed),
    "constraints": Shape("value* range*"),
    "choices": Shape("value* range* include_values*"),
    "range": Shape("", min=_needed, max=_needed),
    "include_values": Shape("", type=Attribute(True, None, ("constraints", "values"))),
    "notification_parameters": Shape("event type+"),
    "event": Shape("", value=_needed),
    "type": Shape(
        "parameter|paramval*", name=_needed, active=Attribute(False, "true", ("true", "false"))
    ),
    "parameter": Shape("value_node*", name=_needed),
    "paramval": Shape("", name=_needed, value=_needed),
    "xi:include": Shape("xi:fallback?", href=_needed, parse=_free, encoding=_free),
    "xi:fallback": Shape(""),
}  # fmt: skip
"""Every element that there is."""

_LAX = {("propval", "type"), ("property", "type"), ("property_group", "type"),
        ("instance", "enabled")}  # fmt: skip
"""What may be left out in a profile."""


def check_bundle(root: Element, profile: bool, tell: Tell) -> None:
    """Tell every violation below `root`: `tell(element, message, hint)`."""
    work = [root]
    while work:
        one = work.pop()
        shape = DTD.get(one.name)
        if shape is None:
            tell(one, "there is no such element", "service_bundle(5) lists them")
            continue
        _attributes(one, shape, profile, tell)
        if one.stray:
            tell(one, "text may not stand here", "values stand in attributes")
        if one.name == "xi:fallback":
            continue
        _children(one, shape, tell)
        work += reversed(one.children)


def _attributes(one: Element, shape: Shape, profile: bool, tell: Tell) -> None:
    for name, attribute in shape.attributes.items():
        value = one.attributes.get(name)
        if value is None:
            if attribute.required and not (profile and (one.name, name) in _LAX):
                tell(one, f'the attribute "{name}" is missing', f"{name}='…'")
            elif attribute.default is not None:
                one.attributes[name] = attribute.default
        elif attribute.words and value not in attribute.words:
            tell(one, f'{name} cannot be "{value[:60]}"', "one of " + ", ".join(attribute.words))
    if len(one.attributes) > len(shape.attributes) or one.attributes.keys() - shape.attributes:
        for name in one.attributes:
            if name not in shape.attributes and not name.startswith(("xmlns", "xml:")):
                hint = ", ".join(shape.attributes) or "it has none"
                tell(one, f'there is no attribute "{name[:60]}"', hint)


def _children(one: Element, shape: Shape, tell: Tell) -> None:
    at, children = 0, one.children
    for names, least, many in shape.slots:
        count = 0
        while at < len(children) and children[at].name in names and (many or not count):
            at += 1
            count += 1
        if count < least:
            what = " or ".join(sorted(names))
            tell(one, f"lacks {what}", f"<{one.name}> needs one")
    if at < len(children):
        odd = children[at]
        if odd.name not in DTD:
            return  # told where it is looked at
        if not any(odd.name in names for names, _least, _many in shape.slots):
            tell(odd, f"may not stand in <{one.name}>", _inside(shape))
        else:
            tell(odd, f"stands in the wrong place in <{one.name}>", _inside(shape))


def _inside(shape: Shape) -> str:
    words = ["|".join(sorted(names)) for names, _least, _many in shape.slots]
    return "the order is " + ", ".join(words) if words else "it holds no elements"
