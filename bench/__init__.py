"""stoker measured beside its peers: the same services, the same machine, one run.

``python -m bench`` from the root of the project. `service` is what everybody runs, `page` is where
each of its starts leaves a stamp, `peers` holds a class for each service manager behind one
interface, `measures` what is measured, `report` and `chart` what is written.

What counts as ours, or a peer's: the processor time and the memory (PSS) of the processes that
manage, never of what they start. Wall time of a start includes the execs of the services, for all
alike; the floor row says what those alone take.
"""
