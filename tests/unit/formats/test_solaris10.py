"""What manifests come to where the customs of Solaris 10 hold."""

from __future__ import annotations

from stoker.formats.solaris10 import as_solaris10
from stoker.model import Definition, Ready, Restart

SMF = Restart(rate_count=5, rate_period=600.0, rate_average=True)


def test_the_rate_and_the_exit_status_of_manifests() -> None:
    one = Definition("svc:/a:default", format="manifest", ready=Ready("exit", nothing=94))
    one = as_solaris10(Definition(one.fmri, format="manifest", ready=one.ready, restart=SMF))
    assert (one.restart.rate_count, one.restart.rate_period) == (10, 1.0)
    assert one.ready == Ready("exit")


def test_what_somebody_set_and_what_is_no_manifest() -> None:
    own = Restart(rate_count=3, rate_period=600.0, rate_average=True)
    one = Definition("svc:/a:default", format="manifest", restart=own)
    assert as_solaris10(one) == one
    native = Definition("svc:/a:default", format="toml", restart=SMF)
    assert as_solaris10(native) is native
