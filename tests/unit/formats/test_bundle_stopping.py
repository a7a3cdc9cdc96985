"""How a bundle that does not want to is stopped: what is read from its files, done by the engine
(nosh.md 5.3, step 9; C38, C39).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stoker.engine import Behaviour, Engine, Kill, Now, Signal, World
from stoker.model import Definition

HUP, TERM, CONT = 1, 15, 18
WEB = "svc:/web:default"


def stopped(box: Any, *flags: str) -> tuple[list[tuple[float, int]], list[float], World]:
    """Stop a bundle that ignores every signal but KILL: what it is sent and when, and when it is
    killed.
    """
    service: Path = box.directory / "web" / "service"
    service.mkdir(parents=True)
    for name in ("run", "restart"):
        (service / name).write_text("#!/bin/sh\nexit 0\n")
        (service / name).chmod(0o755)
    for flag in flags:
        (service / flag).touch()
    (web,) = [one for one in box.compile().definitions if one.fmri == WEB]
    assert isinstance(web, Definition)
    ignores = frozenset((HUP, TERM))
    world = World(Engine(), now=Now(0, 0), behaviour={WEB: Behaviour(ignores=ignores)})
    world.define(web)
    world.advance(1)
    assert world.state(WEB) == "online"
    begin = world.elapsed()
    world.ask("stop", WEB)
    world.advance(1000)
    log = [(round(at - begin, 3), effect) for at, effect in world.log]
    sent = [(at, effect.signo) for at, effect in log if isinstance(effect, Signal)]
    return sent, [at for at, effect in log if isinstance(effect, Kill)], world


def at(*numbers: int) -> list[tuple[float, int]]:
    return [(moment, number) for moment in (0.0, 30.0, 60.0) for number in numbers]


def test_term_at_once_and_twice_again_then_kill(box: Any) -> None:
    sent, killed, world = stopped(box)
    assert sent == at(TERM, CONT)
    assert killed == [90.0]
    assert world.state(WEB) == "disabled"


def test_hup_before_every_batch(box: Any) -> None:
    sent, killed, _world = stopped(box, "use_hangup")
    assert sent == at(HUP, TERM, CONT)
    assert killed == [90.0]


@pytest.mark.parametrize("flags", [("no_kill_signal",), ("no_kill_signal", "use_hangup")])
def test_never_kill_where_that_is_asked_for(box: Any, flags: tuple[str, ...]) -> None:
    sent, killed, world = stopped(box, *flags)
    batch = (HUP, TERM, CONT) if "use_hangup" in flags else (TERM, CONT)
    assert sent == [*at(*batch), *((90.0, number) for number in batch)]
    assert killed == []
    assert world.alive(WEB)
