"""The text of a native definition from its keys and values."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["definition_text"]


def definition_text(values: dict[str, Any]) -> str:
    """The text of a definition: plain keys, then tables."""
    plain = {key: value for key, value in values.items() if not _is_table(value)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in values.items():
        tables = value if isinstance(value, list) else [value]
        if not _is_table(value):
            continue
        for table in tables:
            head = f"[[{key}]]" if isinstance(value, list) else f"[{key}]"
            lines += ["", head, *(f"{_key(name)} = {_value(one)}" for name, one in table.items())]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    )


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return _quoted(value)
    return str(value)


def _quoted(text: str) -> str:
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return msgspec.json.encode(clean).decode().replace("\x7f", "\\u007f")
