"""nosh's commands: system-control and the service-* programs, on bundles and supervise directories.

Two kinds. What looks at or writes to supervise directories (`service_control`, `service_status`,
`service_show`, `asking`) knows files alone, and works on any supervisor's. What needs a job (start,
stop, reset) asks the manager of the place for an operation, after it has loaded the bundles that it
does not know yet by the RPC; relations, order and failure are the engine's affair. What enables and
disables changes links and the file `down`, and no running service.

Source of what they do: nosh 1.40, as the documents tell in "coming from nosh".

Invariants: exit statuses are nosh's; a name that is not found ends a command before it has done
anything; no command decides what a manager of ours can decide.
"""

from __future__ import annotations

__all__: list[str] = []
