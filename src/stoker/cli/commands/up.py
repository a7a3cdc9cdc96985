"""Bring up a directory of services, and keep it up."""

from __future__ import annotations

import os
import sys
import time

from stoker.errors import StokerError

from ..ask import of_all
from ..call import Call
from ..operation import STATUS_OF, wait_for_operation
from ..say import complain, dump, note
from ..settling import follow_settle, not_up, say_mistakes, show_changes, summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from stoker.client import Client, Launch
    from stoker.model import Place

__all__ = ["run"]


def run(call: Call) -> int:
    """Start the place, or reload it where it is up already; then wait or follow."""
    from stoker.client import Launch, is_up, prepare, start

    place = call.defined_place()
    if call.get("dry_run"):
        return _dry(call, place)
    begun = time.monotonic()
    if _theirs(place) and is_up(place):
        return _again(call, place, begun)
    with Launch(place) as launch:
        if is_up(place):
            launch.release()
            return _again(call, place, begun)
        mistakes, blob = _compiled(place)
        prepare(place, blob)
        if not (call.get("detach") or call.get("no_wait")):
            return _foreground(call, place, launch, mistakes, begun)
        call.use(start(place))
    if call.get("no_wait"):
        return _numbered(call, mistakes, None)
    return _detached(call, mistakes, begun)


def _theirs(place: Place) -> bool:
    """Whether somebody else has started it: then we are a client of it, and start nothing."""
    try:
        return os.stat(place.runtime).st_uid != os.getuid()
    except OSError:
        return False


def _dry(call: Call, place: Place) -> int:
    """What would happen: the start of the place, or (where it is up) the reload of it."""
    from stoker.client import is_up

    if is_up(place):
        from .reload import run as reload

        return reload(call)
    from .check import look_over

    return look_over(call, place)


def _compiled(place: Place) -> tuple[list[dict[str, Any]], bytes]:
    """Read the definitions: mistakes as data, and the blob for the manager."""
    import msgspec

    from stoker.formats import compile_place
    from stoker.model import encode_compiled

    compiled = compile_place(place)
    mistakes = [msgspec.structs.asdict(one) for one in compiled.mistakes]
    return mistakes, encode_compiled(compiled)


def _settle(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.post("/v1/operations", {"verb": "settle"})["operation"]
    return found


def _numbered(call: Call, mistakes: list[dict[str, Any]], number: int | None) -> int:
    """Do not wait: say by which operation it is known that all has settled."""
    client = call.client()
    if number is None:
        operation = _settle(client)
    else:
        operation = client.get(f"/v1/operations/{number}")["operation"]
    failed = any(one.get("level") == "error" for one in mistakes)
    if call.json:
        dump({"version": 1, "mistakes": mistakes, "operation": operation})
    else:
        say_mistakes(mistakes)
        print(operation["number"])
    return 1 if failed else 0


def _detached(call: Call, mistakes: list[dict[str, Any]], begun: float) -> int:
    """Wait until all is settled; say what is not up."""
    client = call.client()
    timeout = call.get("timeout")
    first = 1.0 if timeout is None else min(1.0, timeout)
    body = {"verb": "settle", "timeout": timeout}
    operation = client.post(f"/v1/operations?wait={first:.3f}", body)["operation"]
    operation = wait_for_operation(call, operation, begun, timeout)
    status = STATUS_OF.get(operation["outcome"], 1)
    return _say_end(call, mistakes, operation, status)


def _say_end(
    call: Call, mistakes: list[dict[str, Any]], operation: dict[str, Any] | None, status: int
) -> int:
    rows = of_all(call.client(), [])
    failed = any(one.get("level") == "error" for one in mistakes)
    status = status or (1 if failed else 0)
    if call.json:
        dump(
            {
                "version": 1,
                "up": status == 0,
                "mistakes": mistakes,
                "instances": rows,
                "operation": operation,
            }
        )
        return status
    say_mistakes(mistakes)
    if operation is not None and operation["outcome"] != "done":
        for line in not_up(call, operation):
            note(line)
    print(summary(rows))
    return status


def _again(call: Call, place: Place, begun: float) -> int:
    """The place is up: read the definitions again, and wait or follow."""
    from stoker.client import record_environment

    client = call.client()
    if not _theirs(place):
        record_environment(place)
    answer = client.post("/v1/reload", {}, patience=300)
    if call.get("no_wait"):
        return _numbered(call, answer["mistakes"], answer["operation"])
    if call.get("detach"):
        if call.json:
            status, operation = follow_settle(call, answer["operation"], begun, call.get("timeout"))
            return _say_end(call, answer["mistakes"], operation, status)
        changed = [one for one in answer["changes"] if one["action"] != "none"]
        if changed:
            show_changes({**answer, "mistakes": []})
        status, _operation = follow_settle(call, answer["operation"], begun, call.get("timeout"))
        return _say_end(call, answer["mistakes"], None, status)
    from ..viewer import Viewer

    note(f"{place.name} is up already; its definitions were read again")
    show_changes({**answer, "mistakes": []})
    keeper = int(client.get("/v1").get("keeper_pid") or 0)
    number = answer["operation"] or _settle(client)["number"]
    viewer = Viewer(place, client, keeper, owner=False, until=_until(call, begun))
    return viewer.run(number, answer["mistakes"], None)


def _until(call: Call, begun: float) -> float | None:
    timeout: float | None = call.get("timeout")
    return None if timeout is None else begun + timeout


def _foreground(
    call: Call, place: Place, launch: Launch, mistakes: list[dict[str, Any]], begun: float
) -> NoReturn:
    """Become the keeper; the viewer is forked first, and is a client."""
    from stoker.client import exec_keeper

    keeper = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork() == 0:
        status = 1
        try:
            status = _view(call, place, launch, mistakes, keeper, begun)
        except StokerError as error:
            complain(error)
            status = error.exit_status
        except (KeyboardInterrupt, BrokenPipeError):
            pass  # nobody looks any more; the keeper goes on or down by its own signals
        except Exception:  # shown here, because nobody above us will
            import traceback

            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
            except OSError:
                pass  # the terminal is gone
            os._exit(status)
    exec_keeper(place)


def _view(
    call: Call,
    place: Place,
    launch: Launch,
    mistakes: list[dict[str, Any]],
    keeper: int,
    begun: float,
) -> int:
    """In the child: wait for the manager, then show."""
    import signal

    from stoker.client import wait_for

    from ..viewer import Viewer

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # until the viewer has its own way with it
    client = wait_for(place, keeper)
    launch.release()
    number = _settle(client)["number"]
    viewer = Viewer(place, client, keeper, owner=True, until=_until(call, begun))
    return viewer.run(number, mistakes, 0)
