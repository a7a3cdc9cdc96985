"""S9: processes that nobody asked for end below us, by the dozen, while services start."""

from __future__ import annotations

from stoker.testing import Scenario

ORPHANS = 'for i in 1 2 3 4 5 6 7 8 9 10; do (setsid sh -c "exit $i" &) ; done'


def test_all_come_up_and_no_zombie_stays(place: Scenario) -> None:
    for number in range(10):
        place.script(f"web{number}", f"{ORPHANS}\nexec sleep infinity")
    place.up()
    rows = place.instances()
    assert {row["state"] for row in rows.values()} == {"online"}
    assert {row["restarts"] for row in rows.values()} == {0}
    keeper, manager = place.keeper(), place.manager()

    def zombies() -> bool:
        return any(state(pid) == "Z" for parent in (keeper, manager) for pid in children(parent))

    place.until(lambda: not zombies(), "all are reaped")
    assert place.manager() == manager
    assert "mistake" not in place.manager_log()


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:  # reaped meanwhile
        return ""
