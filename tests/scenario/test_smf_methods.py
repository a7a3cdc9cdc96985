"""Methods of a manifest as processes: environment, tokens, context, contracts, final exits."""

from __future__ import annotations

import os

from stoker.testing import Scenario

BUNDLE = (
    "<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>\n"
    "<service_bundle type='manifest' name='t'>{}</service_bundle>"
)
SERVICE = """<service name='site/{name}' type='service' version='1'>
<create_default_instance enabled='true'/>{context}
<exec_method type='method' name='start' exec='{start}' timeout_seconds='60'/>
<exec_method type='method' name='stop' exec='{stop}' timeout_seconds='60'/>
<property_group name='startd' type='framework'>
<propval name='duration' type='astring' value='{duration}'/></property_group>
<property_group name='config' type='application'>
<property name='words' type='astring'><astring_list><value_node value='a b'/>
<value_node value='$HOME'/></astring_list></property></property_group>
</service>"""


def service(name: str, start: str, **more: str) -> str:
    given = {"context": "", "stop": ":true", "duration": "transient", **more}
    return SERVICE.format(name=name, start=start, **given)


def output(place: Scenario, name: str) -> list[str]:
    """What its methods said, without the lines of the restarter."""
    text = place.stoker("logs", "--plain", name).ok().out
    return [line for line in text.splitlines() if not line.startswith("[ ")]


def test_t61_t62_t63_what_a_method_finds(place: Scenario) -> None:
    tool = place.file("show", "")
    tool.write_text(
        '#!/bin/sh\nenv | grep "^SMF_\\|^PATH=\\|^MODE="\npwd\nfor word; do echo "[$word]"; done\n'
    )
    tool.chmod(0o755)
    context = (
        "<method_context working_directory='/usr'><method_environment>"
        "<envvar name='MODE' value='50%'/></method_environment></method_context>"
    )
    start = f"{tool} %m %i %s %f %% %{{config/words,}}"
    env = place.file("unknown", "")  # a path without a program
    text = service("show", start, context=context) + service("odd", "/bin/echo %z")
    text += service("nobody", "/bin/true", context=(
        "<method_context><method_credential user='no-such-user'/></method_context>"))  # fmt: skip
    text += service("missing", f"{env}/program")
    (place.directory / "all.xml").write_text(BUNDLE.format(text))
    place.up(status=1)
    place.wait_for("site/show", "online")
    shown = output(place, "site/show")
    assert {line for line in shown if line.startswith(("SMF_", "MODE"))} == {
        "SMF_FMRI=svc:/site/show:default",
        "SMF_METHOD=start",
        "SMF_RESTARTER=svc:/system/svc/restarter:default",
        "SMF_ZONENAME=global",
        "MODE=50%",
    }
    assert "PATH=/usr/sbin:/usr/bin:/sbin:/bin" in shown
    assert shown[-7:] == [
        "/usr", "[start]", "[default]", "[site/show]", "[svc:/site/show:default]", "[%]",
        "[a b,$HOME]",
    ]  # fmt: skip
    for name in ("odd", "nobody", "missing"):
        place.wait_for(f"site/{name}", "maintenance")
    assert "%z" in place.stoker("logs", "--plain", "site/odd").ok().out
    assert place.instance("site/odd")["run"] == 1


def test_t35_a_contract_holds_what_forks_away(place: Scenario) -> None:
    pids = place.base / "pids"
    daemon = place.file(
        "daemon",
        '#!/bin/sh\n. "$STOKER_SMF_INCLUDE"\nsmf_present || exit $SMF_EXIT_ERR_NOSMF\n'
        f"for n in 1 2; do setsid sh -c 'echo $$ >> {pids}; exec sleep 1000' & done\n"
        f'until [ "$(cat {pids} 2>/dev/null | wc -l)" -ge 2 ]; do sleep 0.05; done\nexit 0\n',
    )
    daemon.chmod(0o755)
    stop = place.file(
        "stop",
        '#!/bin/sh\n. "$STOKER_SMF_INCLUDE"\nsmf_kill_contract $1 TERM 1 30\necho "ended $?"\n'
        'smf_kill_contract nonsense TERM; echo "nonsense $?"\n',
    )
    stop.chmod(0o755)
    text = service(
        "daemon", str(daemon), stop=f"{stop} %{{restarter/contract}}", duration="contract"
    )
    (place.directory / "all.xml").write_text(BUNDLE.format(text))
    place.up()
    running = [int(word) for word in pids.read_text().split()]
    assert len(running) == 2
    for pid in running:
        os.kill(pid, 0)
    place.stoker("stop", "site/daemon").ok()
    place.wait_for("site/daemon", "disabled")
    for pid in running:
        place.gone(pid)
    assert output(place, "site/daemon")[-2:] == ["ended 0", "nonsense 1"]
