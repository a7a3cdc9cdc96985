"""S5: a child that ends with 0 after ten milliseconds, having printed one line."""

from __future__ import annotations

from stoker.testing import Scenario


def test_the_line_is_kept_and_the_task_is_done(place: Scenario) -> None:
    place.toml("task", 'model = "transient"\nexec_start = "echo printed just once"\n')
    place.up()
    assert place.instance("task")["state"] == "online"
    out = place.until(
        lambda: "printed just once" in (text := place.stoker("logs", "task").ok().out) and text,
        "the line is in the log",
    )
    assert out.count("printed just once") == 1


def test_a_child_that_ends_at_once_is_not_up(place: Scenario) -> None:
    pidfile = place.base / "short.pid"
    place.toml(
        "short",
        f'exec_start = "echo $$ > {pidfile}; exit 0"\n[restart]\nwhen = "on-failure"\n',
    )
    # Up at exec: something must keep `up` from being settled until it has ended and was reaped.
    gate = f"test -s {pidfile} && ! kill -0 $(cat {pidfile})"
    place.toml(
        "gate", f'exec_start = ["sleep", "infinity"]\n[ready]\nexec = ["sh", "-c", "{gate}"]\n'
    )
    place.up(status=1)
    assert place.instance("short")["pid"] is None


def test_always_goes_on_restarting(place: Scenario) -> None:
    place.toml(
        "short",
        'exec_start = "echo again; exit 0"\n[restart]\ndelay = "10ms"\nfactor = 1\n',
    )
    assert place.stoker("up", "-d", str(place.directory)).status in (0, 1)
    place.until(lambda: place.instance("short")["restarts"] >= 5, "it is restarted")
    place.until(
        lambda: place.stoker("logs", "-n", "1000", "short").ok().out.count("again") >= 5,
        "each run's line is kept",
    )
