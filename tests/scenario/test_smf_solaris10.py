"""A place whose settings ask for the customs of Solaris 10."""

from __future__ import annotations

from smf_host import DOCTYPE, SLEEP, Call

from stoker.client import Client, quote
from stoker.testing import Scenario

MANIFEST = """<service_bundle type='manifest' name='t'>
<service name='site/plain' type='service' version='1'><create_default_instance enabled='false'/>
<exec_method type='method' name='start' exec='/bin/sleep 1000 &amp;' timeout_seconds='60'/>
<exec_method type='method' name='stop' exec=':kill' timeout_seconds='60'/></service>
<service name='site/own' type='service' version='1'><create_default_instance enabled='false'/>
<exec_method type='method' name='start' exec='/bin/true' timeout_seconds='60'/>
<exec_method type='method' name='stop' exec=':true' timeout_seconds='60'/>
<property_group name='startd' type='framework'>
<propval name='critical_failure_count' type='count' value='3'/>
<propval name='critical_failure_period' type='integer' value='7'/>
</property_group></service></service_bundle>"""


def test_what_differs(place: Scenario, smf: Call) -> None:
    settings = place.directory / ".stoker.toml"
    settings.write_text('smf = "solaris10"\n')
    (place.directory / "all.xml").write_text(DOCTYPE + MANIFEST)
    place.toml("two", SLEEP + "[instances.a]\n[instances.b]\n")
    place.toml("needs", f'{SLEEP}[[dependency]]\ntargets = ["two:a"]\nrestart_on = "restart"\n')
    place.up()

    def rate(name: str) -> tuple[int, float]:
        with Client(str(place.runtime / "control")) as client:
            found = client.get(f"/v1/instances/{quote(name)}/definition")["definition"]["restart"]
        return found["rate_count"], found["rate_period"]

    assert (rate("site/plain"), rate("site/own")) == ((10, 1.0), (3, 7.0))
    # What stands for several is refused, however it was written.
    for pattern in ("svc:/two", "*two:*"):
        status, _, err = smf("svcadm", "disable", pattern)
        assert status == 1
        assert "matches multiple instances" in err
    # Only maintenance has a reason.
    assert smf("svcprop", "-p", "restarter/auxiliary_state", "two:a")[1] == "none\n"
    assert smf("svcadm", "mark", "maintenance", "two:b")[0] == 0
    place.wait_for("two:b", "maintenance")
    word = smf("svcprop", "-p", "restarter/auxiliary_state", "two:b")[1]
    assert word == "administrative_request\n"
    # Whoever is disabled goes first.
    assert smf("svcadm", "disable", "-s", "two:a")[0] == 0
    place.wait_for("needs", "offline")

    # The settings say otherwise, and it holds from the reload on.
    settings.write_text("")
    place.stoker("reload")
    assert rate("site/plain") == (5, 600.0)
    assert smf("svcadm", "enable", "-s", "svc:/two:a")[0] == 0
    word = smf("svcprop", "-p", "restarter/auxiliary_state", "two:a")[1]
    assert word == "dependencies_satisfied\n"
