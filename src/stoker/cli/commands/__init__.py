"""One module for each verb: `run(call) -> exit status`. What each takes stands in the table."""

from __future__ import annotations

__all__: list[str] = []
