"""Our own settings: the few things about a place that are no service's. One typed table, read by
`formats`.
"""

from __future__ import annotations

import msgspec

from .definition import LogSettings

__all__ = ["Role", "Settings"]


class Role(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who besides root and the owner may do what.

    `may`: "read", "operate" (start, stop, restart, refresh, signal, clear; reading too) or
    "administer" (everything). `users` and `groups`: names or numbers; "*" is everybody. `services`:
    patterns over FMRIs and shown names that it holds for.
    """

    may: str = "read"
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    services: tuple[str, ...] = ("*",)


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """The settings of one place.

    `concurrency`: how many starts, and how many stops, may be under way at once (None: no cap).
    `reserve`: file descriptors kept back for ourselves and clients. `open_files`: the descriptor
    limit that the manager asks for (None: what it needs, as far as it goes). `watch`: read
    definitions again by itself when files change, `watch_delay` seconds after the last change.
    `down_timeout`: seconds after which `down` kills what is left (None: each service's own ladder
    decides). `environment`: added to the base environment of every service. `log`: how output is
    kept where a definition does not say. `history_age`, `history_count`: how much history is kept
    (seconds, rows of each kind). `watchers`: the conditions that watchers of ours are run for,
    where services need them; "active" among them: services are stopped before logind puts the
    machine to sleep. `spawner`: what starts processes, "own" or "start-stop-daemon". `directories`:
    further directories of definitions (absolute), after those of the place: what stands first
    counts. `manifests`: directories of service bundles, read with all below them, after these.
    `smf`: where releases of SMF differ, which one's customs hold: "illumos" or "solaris10".
    `signals`: what the keeper's signals mean, by number: "down", "reload", "ignore", or patterns of
    the services whose main processes get it; of one that is not named, what it always means.
    """

    roles: tuple[Role, ...] = ()
    concurrency: int | None = None
    reserve: int = 64
    open_files: int | None = None
    watch: bool = False
    watch_delay: float = 0.5
    down_timeout: float | None = None
    environment: dict[str, str] = {}
    log: LogSettings = LogSettings()
    history_age: float = 7_776_000.0
    history_count: int = 1_000_000
    watchers: tuple[str, ...] = ("TIME", "MOUNTS", "NETWORK")
    spawner: str = "own"
    directories: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    smf: str = "illumos"
    signals: dict[int, str | tuple[str, ...]] = {}
