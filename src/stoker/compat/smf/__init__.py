"""SMF's commands: svccfg, svcprop … with the words, options, output and exit statuses of illumos.

They work on every instance, whatever format it came from. What a service is to them is a tree of
property groups (`tree`), put together from four layers, each above the one before:

1. what files say: manifests as they are, other formats through the table of fields,
2. what was imported (`svccfg import`),
3. what an administrator set (`svccfg setprop`), as of now,
4. of the instance itself while it runs (`restarter`), which nobody sets.

What is in effect, the running snapshot, is layers 1 and 2 with the third as of the last `refresh`.
`svcprop` shows that by default, `svcprop -c` what is set now. A property group of the third layer
is never lost by a reload, a re-import or a change of files; `delprop` takes it back.

Invariants: every change is one transaction of the repository, made by the recorder, asked for
through the control socket like anything else; nothing here writes a file of the place. One matcher
(`matching`) reads every operand. Messages go to standard error and begin with the command's name.
"""

from __future__ import annotations

__all__: list[str] = []
