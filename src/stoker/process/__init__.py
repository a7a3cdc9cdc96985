"""The executor: what was decided becomes processes, signals and looks; what happens becomes
reports.

Decides how a thing is done with this kernel (which way to start a process, what a contract is made
of, how its emptiness is noticed), never what is to be done. Knows runs and contracts, not the
graph, and no state of SMF's.

Invariants:

- The intention to start stands in the name of the contract before the process exists; pipes are
  held by the keeper before anything writes into them. So a successor finds whatever was started,
  and no service sees EPIPE.
- An end is looked at, written down (`Report.ending`), and only then reaped.
- A process is signalled by its number only while it is our unreaped child, else by a pidfd.
- Stopping means the whole contract: grandchildren in other sessions and groups too. Zombies count
  as gone.
- Nothing waits: no call blocks longer than the start of a process, and every failure is told about
  one instance.

Must not: decide, count thresholds, restart, write logs, read definitions' files, or raise because
of one service.
"""

from __future__ import annotations

from .adoption import Found, KeptEnd, Remains, adopt, recognise
from .budget import Budget
from .cgroups import CgroupContracts
from .command import Command, SpawnError
from .contracts import Contract, Contracts, contract_name
from .executor import Executor, Holder
from .output import Outputs, marker
from .reaper import End
from .report import Report, Start
from .sessions import SessionContracts
from .spawn import Spawning
from .starters import Spawner, spawner_named
from .surroundings import Surroundings, expand, token_words
from .traces import end_process
from .usage import Usage

__all__ = [
    "Budget",
    "CgroupContracts",
    "Command",
    "Contract",
    "Contracts",
    "End",
    "Executor",
    "Found",
    "Holder",
    "KeptEnd",
    "Outputs",
    "Remains",
    "Report",
    "SessionContracts",
    "SpawnError",
    "Spawner",
    "Spawning",
    "Start",
    "Surroundings",
    "Usage",
    "adopt",
    "contract_name",
    "end_process",
    "expand",
    "marker",
    "recognise",
    "spawner_named",
    "token_words",
]
