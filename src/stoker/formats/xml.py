"""XML text → a tree of elements that know their lines. Nothing outside the text is ever read.

Entities that a file declares are refused where they stand, whatever they are for: with them a
small file can name others (external entities) or grow without bound. What is left of a DOCTYPE is
its system identifier. A mistake of the text itself ends the reading with one mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.parsers import expat

__all__ = ["DEEPEST", "Element", "Wrong", "parse_xml"]

DEEPEST = 64  # elements within elements; the deepest that the DTD allows for is 8, bundles aside
_ENTITY = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos);|#)([^;\s<>\"'&]{0,60})")
_APART = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>", re.DOTALL)
_KEEPS_TEXT = frozenset(("loctext", "internal_separators"))


class Wrong(Exception):
    """What a text cannot be read for: message, hint, line."""

    def __init__(self, message: str, hint: str, line: int) -> None:
        super().__init__(message)
        self.message, self.hint, self.line = message, hint, line


class Element:
    """One element. `line` is that of its opening bracket; `stray` of text where none may be."""

    __slots__ = ("attributes", "children", "line", "name", "stray", "text")

    def __init__(self, name: str, attributes: dict[str, str], line: int) -> None:
        self.name = name
        self.attributes = attributes
        self.line = line
        self.children: list[Element] = []
        self.text = ""
        self.stray = 0

    def get(self, name: str, default: str = "") -> str:
        """An attribute."""
        return self.attributes.get(name, default)

    def all(self, name: str) -> list[Element]:
        """The children of that name."""
        return [one for one in self.children if one.name == name]

    def first(self, name: str) -> Element | None:
        """The first child of that name."""
        return next((one for one in self.children if one.name == name), None)

    def __str__(self) -> str:
        """As messages call it: `exec_method "start"`."""
        name = self.attributes.get("name")
        return f'{self.name} "{name[:80]}"' if name else self.name


def parse_xml(data: bytes) -> tuple[Element, str | None]:
    """The root element, and the DOCTYPE's system identifier (None: there is no DOCTYPE).

    Raises Wrong.
    """
    found = _Reader(data).read()
    _no_entities(data)
    return found


def _no_entities(data: bytes) -> None:
    """Refuse references to entities that only a DTD could define: expat passes over them."""
    if b"&" not in data:
        return
    bare = _APART.sub(lambda found: b"\n" * found[0].count(b"\n"), data)
    found = _ENTITY.search(bare)
    if found:
        name = found[1].decode("utf-8", "replace")
        line = bare.count(b"\n", 0, found.start()) + 1
        raise Wrong(f"the entity &{name}; is not defined", "an ampersand is written &amp;", line)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.root: Element | None = None
        self.stack: list[Element] = []
        self.system: str | None = None
        parser = self.parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.ExternalEntityRefHandler = self._external
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def read(self) -> tuple[Element, str | None]:
        try:
            self.parser.Parse(self.data, True)
        except expat.ExpatError as wrong:
            text = expat.errors.messages.get(wrong.code, str(wrong))
            column = f"column {wrong.offset + 1}"
            raise Wrong(f"is not well-formed XML: {text}", column, wrong.lineno) from None
        except (LookupError, ValueError) as wrong:  # an encoding that nobody knows
            raise Wrong(f"cannot be decoded: {wrong}", "save it as UTF-8", 1) from None
        finally:
            _forget(self.parser)
        assert self.root is not None
        return self.root, self.system

    def _doctype(self, name: str, system: str | None, _public: str | None, _own: int) -> None:
        self.system = system or ""

    def _entity(self, name: str, *_rest: object) -> None:
        raise Wrong(
            f"declares the entity {name[:60]!r}",
            "entities are not read: write out what it stands for",
            self.parser.CurrentLineNumber,
        )

    def _external(self, *_rest: object) -> int:
        raise Wrong(
            "refers to another file as an entity",
            "entities are not read: write out what it stands for",
            self.parser.CurrentLineNumber,
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        one = Element(name, attributes, self.parser.CurrentLineNumber)
        if self.stack:
            if len(self.stack) >= DEEPEST:
                raise Wrong("elements are nested too deeply", f"{DEEPEST} at most", one.line)
            self.stack[-1].children.append(one)
        else:
            self.root = one
        self.stack.append(one)

    def _end(self, _name: str) -> None:
        self.stack.pop()

    def _text(self, text: str) -> None:
        if self.stack and (self.stack[-1].name in _KEEPS_TEXT):
            self.stack[-1].text += text
        elif self.stack and not text.isspace() and not self.stack[-1].stray:
            self.stack[-1].stray = self.parser.CurrentLineNumber


def _forget(parser: expat.XMLParserType) -> None:
    """Let go of the handlers: parser and reader would hold each other until a collection."""
    handlers: tuple[str, ...] = (
        "StartDoctypeDeclHandler",
        "EntityDeclHandler",
        "ExternalEntityRefHandler",
        "StartElementHandler",
        "EndElementHandler",
        "CharacterDataHandler",
    )
    nothing: Callable[..., object] | None = None
    for name in handlers:
        setattr(parser, name, nothing)
