"""Supervise directories: the door of daemontools and its kin.

For each instance whose definition has a supervise directory there are, while we serve it:

    ok       a FIFO that we read: who can open it for writing knows that somebody supervises
    control  a FIFO: each byte is a command, as svc(8) and sv(8) write them
    lock     a file that is locked, as setlock(8) locks it
    status   what runs, in the layout of the family of the directory (`status`)

So `svc`, `svok`, `svstat`, `sv` and `s6-svstat` operate what a manager of ours runs, and nobody
needs to know who does. Nothing is asked of the disk while nothing happens: the FIFOs are held open
for reading and writing, so that the coming and going of those who write does not wake us.

Invariants: a directory that another program has locked is left alone, and its service is not
started by us; one that cannot be written costs the view, not the service; a byte that means nothing
is passed over. Permissions of the directory and its FIFOs are the law, as in the originals: who may
write a command may have it carried out.

Must not: decide about services; remove the directory or its files (the originals leave them, too).
"""

from __future__ import annotations

from .door import SuperviseDirectories

__all__ = ["SuperviseDirectories"]
