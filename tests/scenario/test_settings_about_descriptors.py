"""`open_files` in the settings: what the manager asks for, whatever its services need."""

from __future__ import annotations

import resource

from stoker.testing import Scenario


def test_the_manager_has_the_limit_that_the_settings_name(place: Scenario) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = soft + 1 if hard == resource.RLIM_INFINITY or soft < hard else soft
    (place.directory / ".stoker.toml").write_text(f"open_files = {wanted}\n")
    place.script("web", "ulimit -n; exec sleep infinity")
    place.up()
    assert resource.prlimit(place.manager(), resource.RLIMIT_NOFILE)[0] == wanted
    place.until(
        lambda: place.stoker("logs", "--plain", "web").ok().out.split() == [str(soft)],
        "the service has what it would have had",
    )
