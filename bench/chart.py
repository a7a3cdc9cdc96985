"""The results as a picture: SVG, bars on a logarithmic scale, one group for each figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from .results import Results

__all__ = ["chart"]

_LABEL, _WIDTH, _ROW, _GAP = 130, 420, 15, 30
_COLOURS = {"stoker": "#c2410c", "floor": "#a8a29e"}
_OTHER = "#64748b"


def chart(results: Results, wanted: Sequence[str], peers: Sequence[str], note: str) -> str:
    """An SVG document. `wanted`: which figures; those that nobody has are left out."""
    parts: list[str] = []
    y = 24
    for what in wanted:
        bars = [(peer, results.median(what, peer)) for peer in peers]
        good = sorted(((v, peer) for peer, v in bars if v is not None and v > 0))
        if not good:
            continue
        unit = results.units[what]
        parts.append(_text(0, y, f"{what} ({unit})", "font-weight:bold"))
        low, high = good[0][0], good[-1][0]
        floor = 10 ** math.floor(math.log10(low) - 0.3)
        scale = _WIDTH / max(math.log10(high / floor), 0.1)
        for value, peer in good:
            y += _ROW
            length = max(1.0, math.log10(value / floor) * scale)
            colour = _COLOURS.get(peer, _OTHER)
            parts.append(_text(_LABEL - 6, y, peer, "text-anchor:end"))
            box = f'x="{_LABEL}" y="{y - 9}" width="{length:.1f}" height="10"'
            parts.append(f'<rect {box} fill="{colour}"/>')
            parts.append(_text(_LABEL + length + 5, y, f"{value:.3g}", ""))
        y += _GAP
    parts.append(_text(0, y, note, "fill:#78716c"))
    size = f'width="{_LABEL + _WIDTH + 80}" height="{y + 10}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
    )
    title = "<title>stoker beside other service managers; logarithmic, shorter is better</title>"
    ground = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head, title, ground, *parts, "</svg>", ""])


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:.0f}" y="{y}" style="{style}">{escape(text)}</text>'
