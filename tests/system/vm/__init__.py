"""Real boots for tests: a stock Debian kernel under QEMU, with a root file system of ours.

`kernel` fetches the kernel package and takes it apart, `archive` writes an initramfs, `python` says
which files our own Python is made of, `slim` is a machine of nothing else, `machine` runs QEMU and
speaks with what it emulates: two serial lines, the keyboard, the power button. `full` makes disks
of a Debian with daemons, `daemons` sees that those do their work.

Emulated throughout (TCG): a /dev/kvm that can be opened does not always run a kernel. Where QEMU or
the kernel package is missing the tests are skipped, and say so.
"""

from __future__ import annotations

from .archive import Archive
from .kernel import Kernel, fetch_kernel
from .machine import Machine, qemu
from .slim import slim

__all__ = ["Archive", "Kernel", "Machine", "fetch_kernel", "qemu", "slim"]
