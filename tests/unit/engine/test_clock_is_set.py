"""S22: the wall clock jumps forward and back, the machine sleeps and wakes: what was to happen at a
time of day happens then, and everything else goes by the clock that is never set.
"""

from __future__ import annotations

from stoker.engine import Behaviour, Due
from stoker.model import Restart
from stoker.testing import World, service

HOUR = 3600


def until(world: World, seconds: float) -> int:
    return int((world.clock.time() + seconds) * 1e9)


def jump(world: World, seconds: float) -> None:
    world.clock.set(world.clock.time() + seconds)
    world._inner.tell(Due())  # what the manager does when the kernel tells it


def test_a_time_that_is_past_after_a_jump_forward_has_come() -> None:
    world = World(service("web"), service("db"))
    world.settle()
    world.ask("stop", "web", until=until(world, HOUR))
    world.ask("disable", "db", until=until(world, 2 * HOUR))
    world.settle(60)
    assert set(world.states().values()) == {"disabled"}
    jump(world, HOUR + 1)
    assert world.state("web") == "online"
    assert world.state("db") == "disabled"
    jump(world, HOUR)
    assert world.state("db") == "online"


def test_after_a_jump_back_it_is_waited_for_longer() -> None:
    world = World(service("web"))
    world.settle()
    world.ask("stop", "web", until=until(world, HOUR))
    jump(world, -HOUR)
    world.advance(HOUR + 60)
    assert world.state("web") == "disabled"
    world.advance(HOUR)
    assert world.state("web") == "online"


def test_a_jump_restarts_nothing_and_hurries_nothing() -> None:
    world = World(
        service("web"),
        service("slow", ready="notify"),
        service("bad", restart=Restart(delay=100.0, factor=1.0, jitter=0.0)),
        behaviour={"slow": Behaviour(ready_after=20.0), "bad": Behaviour(exit_after=1.0)},
    )
    world.advance(10)
    runs = {name: world.view(name).run for name in world.states()}
    states = world.states()
    for seconds in (10 * HOUR, -20 * HOUR, 400 * 24 * HOUR):
        jump(world, seconds)
        assert world.states() == states
        assert {name: world.view(name).run for name in states} == runs
    world.advance(15)
    assert world.state("slow") == "online"


def test_a_choice_that_a_new_manager_finds_past_is_over() -> None:
    world = World(service("web"))
    world.settle()
    world.ask("disable", "web", until=until(world, HOUR))
    world.clock.set(world.clock.time() + 2 * HOUR)
    world.replace_manager()
    world.settle()
    assert world.state("web") == "online"
