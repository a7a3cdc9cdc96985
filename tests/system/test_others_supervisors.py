"""Debian's own daemontools, runit and s6 operate us, each on directories of its kind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import test_supervise_directories as directories

from stoker.testing import Scenario

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]


def test_their_programs_work_on_our_directories(
    packages: Callable[..., None], place: Scenario
) -> None:
    packages("daemontools", "runit", "s6")
    directories.test_the_programs_of_daemontools_runit_and_s6_operate_their_own_kinds(place)
