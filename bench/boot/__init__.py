"""How long a machine takes from power on to its login prompt, by the init that it has.

``python -m bench.boot`` from the root of the project, as root: one Debian root file system with
real daemons (`image`), booted under QEMU by stoker, by systemd and by sysvinit in turn (`booting`).
It is the same image, and `init=` on the kernel's command line is all the difference; the kernel and
the emulator (TCG) are those of the tests that boot machines, in ``tests/system/vm``, but nothing is
left out here to be faster: the kernel does all that it does by itself, the processor all that can
be emulated.
"""

from __future__ import annotations

import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[2] / "tests/system"
if str(_TESTS) not in sys.path:
    sys.path.append(str(_TESTS))
