"""The restart policy as a pure function: whether, and after how long, what ended runs again.

The first restart waits 0, later ones `delay`, grown by `factor` up to `cap`. Jitter only shortens a
wait (by up to its fraction), so `cap` is a bound, and comes from the name and the run, so that a
replay decides the same.
"""

from __future__ import annotations

from zlib import crc32

from msgspec import Struct

from stoker.model import Restart, show_duration

from .events import Status
from .facts import SECOND

__all__ = ["Verdict", "judge", "too_many", "wait_before"]


class Verdict(Struct, frozen=True):
    """`again`: after `wait` nanoseconds, with `step` restarts counted. Else `fault` is a word for
    maintenance, or "" for a task that is done; `text` says why.
    """

    again: bool
    wait: int = 0
    step: int = 0
    fault: str = ""
    text: str = ""


def wait_before(policy: Restart, step: int, fmri: str, run: int) -> int:
    """Nanoseconds before restart number `step` (counted from 0) since the last healthy time."""
    if step <= 0:
        return 0
    try:
        seconds = min(policy.cap, policy.delay * policy.factor ** (step - 1))
    except OverflowError:
        seconds = policy.cap
    share = crc32(f"{fmri} {run}".encode("utf-8", "surrogateescape")) / 2**32
    return max(0, int(seconds * (1 - policy.jitter * share) * SECOND))


def judge(
    policy: Restart,
    *,
    fmri: str,
    run: int,
    step: int,
    fails: int,
    healthy: int,
    status: Status | None,
    failed_start: bool,
) -> Verdict:
    """Decide after a run ended by itself.

    `step`: restarts since the last healthy time; `fails`: consecutive failures of methods;
    `healthy`: nanoseconds it was up and well; `status`: how main ended, None if it never ran.
    """
    done = status is not None and status.ok and not failed_start
    if status is not None and status.kind == "exit" and status.number in policy.fatal_exits:
        return Verdict(False, fault="method_failed", text=f"exit status {status.number} is final")
    if policy.when != "always" and done:
        return Verdict(False)
    if policy.when == "never":
        return Verdict(False, fault="method_failed", text="it is not to be restarted")
    if policy.failures and fails >= policy.failures:
        return Verdict(False, fault="fault_threshold_reached", text=f"{fails} failures in a row")
    if healthy >= policy.reset_after * SECOND and healthy > 0:
        step = 0
    if policy.limit is not None and step >= policy.limit:
        times = "once" if policy.limit == 1 else f"{policy.limit} times"
        text = (
            f"restarted {times} without being up for {show_duration(policy.reset_after)}"
            if policy.limit
            else "no restart is allowed"
        )
        return Verdict(False, fault="restarting_too_quickly", text=text)
    return Verdict(True, wait_before(policy, step, fmri, run), step + 1)


def too_many(policy: Restart, starts: list[int], now: int) -> bool:
    """SMF's restart rate (smf.md 4.4): would this start be one too many? `starts`: earlier ones."""
    count = policy.rate_count
    if count <= 0 or len(starts) < count - 1:
        return False
    first = starts[len(starts) - (count - 1)] if count > 1 else now
    span = now - first
    period = int(policy.rate_period * SECOND)
    return span < period * (count - 1) if policy.rate_average else span < period
