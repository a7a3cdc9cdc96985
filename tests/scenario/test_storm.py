"""Our own programs are killed at random moments in the middle of a storm of services, and nothing
is lost: see `storm.py` for what that means.

The short forms belong to every run of the suite: 50 deaths of the manager, with cgroups and
without, and a few of each of the others. The long ones are run when asked for (-m long).

The moments are drawn from a seed. A few deaths come before the program was ready; each of those
makes the keeper wait longer before it tries again, which a test has no time for.
"""

from __future__ import annotations

import os
import random
import signal

import pytest
from storm import another_keeper, have_flock, kill, programs, storm

pytestmark = [
    pytest.mark.skipif(not have_flock(), reason="the services need flock(1)"),
    pytest.mark.timeout(900),  # of a machine that is busy with other things
]

EARLY = (3, 8, 13, 18)
LONG = [pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.mark.parametrize(
    ("many", "kills", "seed", "containment"),
    [
        (40, 30, 1, ""),
        (40, 20, 11, "session"),
        pytest.param(200, 500, 2, "", marks=LONG),
        pytest.param(200, 500, 12, "session", marks=LONG),
    ],
)
def test_the_manager_is_killed(many: int, kills: int, seed: int, containment: str) -> None:
    dice = random.Random(seed)
    with storm(many, seed, containment) as weather:
        for number in range(kills):
            kill(weather.place, "manager", dice, early=number in EARLY)
    assert weather.acknowledged > 0
    assert weather.reloads > 0


@pytest.mark.parametrize(
    ("many", "kills", "seed"),
    [(16, 5, 3), pytest.param(100, 500, 4, marks=LONG)],
)
def test_the_recorder_is_killed(many: int, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    with storm(many, seed) as weather:
        weather.history = False
        for number in range(kills):
            kill(weather.place, "recorder", dice, early=number in EARLY)


@pytest.mark.parametrize(
    ("many", "kills", "seed"),
    [(16, 2, 5), pytest.param(100, 300, 6, marks=LONG)],
)
def test_both_are_killed(many: int, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    with storm(many, seed) as weather:
        weather.history = False
        for number in range(kills):
            first, second = dice.sample(["manager", "recorder"], 2)
            kill(weather.place, first, dice, early=number in EARLY)
            kill(weather.place, second, dice, early=number in EARLY)


@pytest.mark.parametrize(
    ("many", "times", "seed"),
    [(12, 2, 7), pytest.param(100, 60, 8, marks=LONG)],
)
def test_keeper_and_manager_are_replaced(many: int, times: int, seed: int) -> None:
    dice = random.Random(seed)
    with storm(many, seed) as weather:
        for _ in range(times):
            weather.place.until(
                lambda: weather.place.stoker("reexec").status == 0, "keeper and manager replaced"
            )
            kill(weather.place, "manager", dice)


@pytest.mark.parametrize(
    ("many", "times", "seed"),
    [(12, 1, 9), pytest.param(100, 60, 10, marks=LONG)],
)
def test_the_keeper_is_killed(many: int, times: int, seed: int) -> None:
    dice = random.Random(seed)
    with storm(many, seed) as weather:
        place, weather.exact = weather.place, False
        for _ in range(times):
            kill(place, "manager", dice)  # so that some services are the keeper's own children
            place.until(lambda: programs(place)["manager"][1] == "ready", "a manager is ready")
            keeper = place.keeper()
            os.kill(keeper, signal.SIGKILL)
            place.gone(keeper)
            another_keeper(place, keeper)
