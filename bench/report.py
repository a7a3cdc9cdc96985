"""The results as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

from .results import Results

__all__ = ["table"]


def table(results: Results, peers: Sequence[str]) -> str:
    """Markdown: a row for each figure, a column for each peer, medians; below each how many times
    ours it is.
    """
    head = ["", *peers]
    rows = [head, ["---", *("---:" for _ in peers)]]
    for what, found in results.values.items():
        if not any(peer in found for peer in peers):
            continue
        unit = results.units[what]
        rows.append([f"{what}, {unit}" if unit else what])
        ours = results.median(what, "stoker")
        for peer in peers:
            value = results.median(what, peer)
            if value is None:
                rows[-1].append("–")
            elif peer == "stoker" or not ours:
                rows[-1].append(_number(value))
            else:
                rows[-1].append(f"{_number(value)} ({_number(value / ours)}×)")
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    return "\n".join("| " + " | ".join(_cells(row, widths)) + " |" for row in rows)


def _cells(row: list[str], widths: list[int]) -> list[str]:
    first, *others = zip(row, widths, strict=True)
    return [first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]


def _number(value: float) -> str:
    """Three figures that count."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3g}"
