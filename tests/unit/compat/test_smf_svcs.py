"""svcs, asked of a manager that is written down here: every column and field as svcs(1) has it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from svcs_fake import NOW, Manager, choice, needs

from stoker import client
from stoker.compat.smf import svcs_world
from stoker.errors import NoManager
from stoker.recorder.names import folder_of

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def site(manager: Manager) -> Manager:
    manager.add("svc:/site/webhook:default", "disabled", "2020-03-20T08:01:58")
    manager.add("svc:/site/api:blue", "online", "2020-03-20T09:14:07", contract=66)
    manager.add("svc:/site/worker:default", "offline", "2020-03-16T10:00:00", next_state="online")
    manager.add("svc:/site/broken:default", "maintenance", "2018-07-01T10:00:00")
    return manager


def test_t41_t42_the_listing(site: Manager, call: Call) -> None:
    online = "online          9:14:07 svc:/site/api:blue\n"
    rest = (
        "offline*       Mar_16   svc:/site/worker:default\n"
        "maintenance    2018     svc:/site/broken:default\n"
    )
    head = "STATE          STIME    FMRI\n"
    hidden = "disabled        8:01:58 svc:/site/webhook:default\n"
    assert call() == (0, head + online + rest, "")
    assert call("-a") == (0, head + hidden + online + rest, "")
    assert call("-H") == (0, online + rest, "")
    site.rows["svc:/site/webhook:default"]["wanted"] = True
    assert call() == (0, head + hidden + online + rest, "")


def test_t42_the_order(manager: Manager, call: Call) -> None:
    states = ("disabled", "online", "degraded", "offline", "maintenance", "uninitialized")
    for number, state in enumerate(states):
        manager.add(f"svc:/z{9 - number}:default", state)
    manager.add("svc:/a:late", "online", "2020-03-20T09:00:01")
    manager.add("svc:/a:early", "online", "2020-03-20T08:59:59")
    shown = [line.split()[2] for line in call("-aH")[1].splitlines()]
    assert shown == [
        "svc:/z9:default", "svc:/a:early", "svc:/z8:default", "svc:/a:late", "svc:/z7:default",
        "svc:/z6:default", "svc:/z5:default", "svc:/z4:default",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("2020-03-20T08:20:00", " 8:20:00"),
        ("2020-03-19T23:05:09", "23:05:09"),
        ("2020-03-19T09:20:00", "Mar_19  "),
        ("2020-03-17T09:20:00", "Mar_17  "),
        ("2019-04-01T00:00:00", "Apr_01  "),
        ("2019-03-01T00:00:00", "2019    "),
        ("2018-03-20T09:20:00", "2018    "),
    ],
)
def test_t43_times(manager: Manager, call: Call, at: str, shown: str) -> None:
    manager.add("svc:/a:default", at=at)
    assert call("-H", "-o", "stime,fmri")[1] == f"{shown} svc:/a:default\n"


def test_a_time_that_is_not_known(manager: Manager, call: Call) -> None:
    manager.add("svc:/a:default")
    manager.rows["svc:/a:default"]["state_time"] = ""
    assert call("-H", "-o", "stime,s")[1] == "-        1\n"


def test_t44_columns(site: Manager, call: Call) -> None:
    assert call("-H", "-o", "FMRI,State", "api")[1] == f"{'svc:/site/api:blue':50} online\n"
    status, out, err = call("-o", "fmri,colour")
    assert (status, out) == (1, "") and "colour" in err
    assert call("-s", "colour")[0] == 1
    head = "STATE          NSTATE        STIME    CTID   FMRI\n"
    one = "online         -              9:14:07     66 svc:/site/api:blue\n"
    assert call("-v", "api")[1] == head + one
    two = "offline        online        Mar_16        - svc:/site/worker:default\n"
    assert call("-v", "worker")[1] == head + two


def test_every_column(manager: Manager, call: Call) -> None:
    manager.add("svc:/site/api:blue", "offline", next_state="online", description="an\nAPI")
    names = "svc,inst,scope,desc,zone,fmri"
    head = f"{'SVC':20} {'INST':20} {'SCOPE':20} {'DESC':100} {'ZONE':16} FMRI\n"
    row = (
        f"{'site/api':20} {'blue':20} {'localhost':20} {'an API':100} {'global':16} "
        "svc:/site/api:blue\n"
    )
    assert call("-o", names)[1] == head + row
    assert call("-o", "sta,s,desc")[1].splitlines() == ["STA  S  DESC", "OFF* 0* an API"]
    assert call("-o", "sta,nsta,s,n,sn")[1].splitlines() == [
        "STA  NSTA S  N SN", "OFF  ON   0  1 01",
    ]  # fmt: skip
    for column in ("nstate", "nsta", "n", "sn"):
        assert "*" not in call("-o", f"state,{column}")[1]
    manager.add("svc:/site/api:blue", "online")
    assert call("-H", "-o", "nstate,nsta,n,sn,desc")[1] == "-             -    - 1- -\n"


@pytest.mark.parametrize(
    ("state", "short", "letter"),
    [
        ("uninitialized", "UN", "u"),
        ("disabled", "DIS", "d"),
        ("offline", "OFF", "0"),
        ("online", "ON", "1"),
        ("degraded", "DGD", "D"),
        ("maintenance", "MNT", "m"),
    ],
)
def test_abbreviations(manager: Manager, call: Call, state: str, short: str, letter: str) -> None:
    manager.add("svc:/a:default", state)
    assert call("-aH", "-o", "sta,s,sn,inst")[1] == f"{short:4} {letter:2} {letter}- default\n"


def test_sorting(site: Manager, call: Call) -> None:
    def order(*words: str) -> list[str]:
        return [line.split("/")[2].split(":")[0] for line in call("-aH", *words)[1].splitlines()]

    assert order("-s", "fmri") == ["api", "broken", "webhook", "worker"]
    assert order("-S", "fmri") == ["worker", "webhook", "broken", "api"]
    assert order("-s", "stime") == ["broken", "worker", "webhook", "api"]
    assert order("-S", "state") == ["broken", "worker", "api", "webhook"]
    site.add("svc:/site/zulu:default", "online", "2020-03-20T09:00:00", contract=100)
    assert order("-s", "state", "-S", "fmri") == ["webhook", "zulu", "api", "worker", "broken"]
    assert order("-S", "ctid")[:2] == ["zulu", "api"]
    assert order("-o", "fmri") == ["api", "broken", "webhook", "worker", "zulu"]


@pytest.mark.parametrize(
    "words",
    [
        ["-l"], ["-d"], ["-D"], ["-L"],
        ["-d", "-D", "a"], ["-l", "-x", "a"], ["-d", "-l", "a"], ["-L", "-x", "a"],
        ["-a", "-l", "a"], ["-a", "-x"], ["-s", "fmri", "-d", "a"], ["-S", "fmri", "-x"],
        ["-R", "svc:/a:b", "-l", "a"], ["-H", "-l", "a"], ["-H", "-x"], ["-o", "fmri", "-x"],
        ["-p", "-x"], ["-k"], ["-o"],
    ],
)  # fmt: skip
def test_t45_usage(call: Call, words: list[str]) -> None:
    status, out, err = call(*words)
    assert (status, out) == (2, "") and "usage: svcs" in err


def test_t45_help(call: Call) -> None:
    status, out, err = call("-?")
    assert (status, err) == (0, "") and out.startswith("usage: svcs")


def test_t11_operands(site: Manager, call: Call) -> None:
    status, out, err = call("api", "nothing", ":blue")
    assert status == 1
    assert out.splitlines()[1:] == ["online          9:14:07 svc:/site/api:blue"]
    assert "'nothing'" in err
    status, out, err = call("-H", "webhook")
    assert (status, err) == (0, "") and out.startswith("disabled")
    status, out, err = call("-a", "api")
    assert status == 0 and "-a ignored" in err and "webhook" not in out
    assert call("nothing")[:2] == (1, "STATE          STIME    FMRI\n")


@pytest.mark.parametrize(
    "text",
    ["sendmail", ":sendmail", "smtp", "smtp:sendmail", "network/smtp", "net*smtp*", "*send*"],
)
def test_t05_t07_names(manager: Manager, call: Call, text: str) -> None:
    manager.add("svc:/network/smtp:sendmail")
    assert call("-H", "-o", "fmri", text) == (0, "svc:/network/smtp:sendmail\n", "")


@pytest.mark.parametrize("text", ["mail", "network", "network/smt"])
def test_t06_what_is_no_name(manager: Manager, call: Call, text: str) -> None:
    manager.add("svc:/network/smtp:sendmail")
    status, out, err = call("-H", text)
    assert (status, out) == (1, "") and repr(text) in err


def test_processes(site: Manager, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    process = svcs_world.Process(1234, "apid-with-a-very-long-name", "/bin/apid -d", NOW - 352)
    known = {"svc:/site/api:blue": [process]}
    monkeypatch.setattr(svcs_world.World, "processes", lambda _self, fmri: known.get(fmri, []))
    assert call("-p", "api", "broken")[1].splitlines() == [
        "STATE          STIME    FMRI",
        "online          9:14:07 svc:/site/api:blue",
        "                9:14:08     1234 apid-with-a-very",
        "maintenance    2018     svc:/site/broken:default",
    ]
    assert call("-lp", "api")[1].splitlines()[-1] == "process      1234   /bin/apid -d"


def test_restarter(site: Manager, call: Call) -> None:
    site.definitions["svc:/site/webhook:default"] = {"restarter": "svc:/network/inetd:default"}
    ours = call("-H", "-o", "fmri", "-R", "svc:/network/inetd:default")
    assert ours == (0, "svc:/site/webhook:default\n", "")
    assert len(call("-H", "-R", "svc:/system/svc/restarter:default")[1].splitlines()) == 3
    assert call("-R", "svc:/network/inetd")[0] == 1


@pytest.fixture
def cron(manager: Manager) -> Manager:
    """The instance of SMF's first page, with its dependencies."""
    manager.add("svc:/system/filesystem/local:default", dependents=["system/cron"])
    manager.add("svc:/milestone/name-services:default")
    manager.add(
        "svc:/system/cron:default", at="2017-03-16T18:25:50", contract=66,
        description="clock daemon (cron)", log="/var/svc/log/system-cron:default.log",
        dependencies=[
            needs("usr", "svc:/system/filesystem/local", "online"),
            needs("ns", "svc:/milestone/name-services", "online"),
            needs("after", "svc:/x:default", "online", "order"),
        ],
    )  # fmt: skip
    return manager


CRON = """\
fmri         svc:/system/cron:default
name         clock daemon (cron)
enabled      true
state        online
next_state   none
state_time   Thu Mar 16 18:25:50 2017
logfile      /var/svc/log/system-cron:default.log
restarter    svc:/system/svc/restarter:default
contract_id  66\x20
dependency   require_all/none svc:/system/filesystem/local (online)
dependency   require_all/none svc:/milestone/name-services (online)
"""


def test_t46_cron_field_for_field(cron: Manager, call: Call) -> None:
    assert call("-l", "cron") == (0, CRON, "")


def test_t46_fields_that_are_not_always_there(site: Manager, call: Call) -> None:
    row = site.rows["svc:/site/webhook:default"]
    site.statuses[row["fmri"]]["choice"] = choice("moved away")
    assert call("-l", "webhook")[1].splitlines() == [
        "fmri         svc:/site/webhook:default",
        "enabled      false",
        "comment      moved away",
        "state        disabled",
        "next_state   none",
        "state_time   Fri Mar 20 08:01:58 2020",
        "logfile      /logs/site%2Fwebhook/current",
        "restarter    svc:/system/svc/restarter:default",
        "contract_id  ",
    ]
    row["wanted"] = True
    assert "enabled      true (temporary)" in call("-l", "webhook")[1].splitlines()
    row["enabled"], row["wanted"] = True, False
    assert "enabled      false (temporary)" in call("-l", "webhook")[1].splitlines()
    site.statuses[row["fmri"]]["choice"] = choice("after the next boot", later=True)
    assert "comment" not in call("-l", "webhook")[1]
    assert "next_state   online" in call("-l", "worker")[1].splitlines()
    assert "zone         global" in call("-l", "-Z", "worker")[1].splitlines()


def test_t47_how_dependencies_are(cron: Manager, call: Call) -> None:
    cron.add("svc:/two:a")
    cron.add("svc:/two:b")
    cron.statuses["svc:/system/cron:default"]["dependencies"] = [
        needs("a", "svc:/two", "online", "require_any", restart_on="restart"),
        needs("a", "svc:/two:a", "online", "require_any", restart_on="restart"),
        needs("b", "svc:/nowhere", "absent"),
        needs("c", "file:///etc/one", "present"),
        needs("c", "file:///etc/two", "absent"),
        needs("c", "file:///etc/three", "unknown"),
        needs("d", "svc:/two:b", "online", "exclude_all", satisfied=False),
    ]
    assert [line for line in call("-l", "cron")[1].splitlines() if "depend" in line] == [
        "dependency   require_any/restart svc:/two (multiple) svc:/two:a (online)",
        "dependency   require_all/none svc:/nowhere (absent)",
        "dependency   require_all/none file://localhost/etc/one (online) "
        "file://localhost/etc/two (absent) file://localhost/etc/three (unknown)",
        "dependency   exclude_all/none svc:/two:b (online)",
    ]


def test_t48_a_blank_line_between_two(cron: Manager, call: Call) -> None:
    out = call("-l", "cron", "svc:/system/cron:default", "filesystem/local")[1]
    assert out.startswith(CRON + "\nfmri         svc:/system/filesystem/local:default\n")
    assert out.count("\n\n") == 1 and not out.endswith("\n\n")
    status, out, err = call("-l", "lrc:/etc/rc2_d/S20x")
    assert (status, out) == (1, "") and "legacy" in err


def test_t49_needs_and_needed_by(cron: Manager, call: Call) -> None:
    cron.add("svc:/rival:default", dependents=["system/cron"])
    rows = cron.statuses["svc:/system/cron:default"]["dependencies"]
    rows.append(needs("r", "svc:/rival", "online", "exclude_all", satisfied=False))
    rows.append(needs("f", "file:///etc/one", "present"))
    assert call("-d", "-H", "-o", "fmri", "cron")[1].split() == [
        "svc:/system/filesystem/local:default", "svc:/milestone/name-services:default",
    ]  # fmt: skip
    assert call("-D", "-H", "-o", "fmri", "filesystem/local")[1] == "svc:/system/cron:default\n"
    assert call("-D", "svc:/system/filesystem/local:default")[1].splitlines() == [
        "STATE          STIME    FMRI", "online         2017     svc:/system/cron:default",
    ]  # fmt: skip
    assert call("-DH", "rival") == (0, "", "")


def test_logs(site: Manager, call: Call) -> None:
    site.statuses["svc:/site/api:blue"]["log"] = "/var/log/api"
    assert call("-L", "api", "worker")[1] == "/var/log/api\n/logs/site%2Fworker/current\n"


@pytest.mark.parametrize(
    "fmri", ["svc:/web:default", "svc:/site/api:blue", "svc:/my%20web:default", "svc:/.x:a+b"]
)
def test_the_folder_is_the_recorders(fmri: str) -> None:
    assert svcs_world._folder_of(fmri) == folder_of(fmri)


def test_zones_and_notifications(site: Manager, call: Call) -> None:
    assert call("-Z", "-H") == call("-H") == call("-z", "global", "-H")
    assert call("-z", "other")[:2] == (1, "")
    assert call("-n")[:2] == (1, "")


def test_no_manager(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_place: object) -> None:
        raise NoManager("no manager runs here", hint="start one")

    monkeypatch.setattr(client, "connect", nobody)
    assert call("-a") == (1, "", "svcs: no manager runs here (start one)\n")


def test_a_listing_loads_next_to_nothing() -> None:
    """`svcs -a` of a thousand instances is mostly its imports: it has none of the long ones."""
    heavy = {"argparse", "dataclasses", "fnmatch", "json", "msgspec", "pathlib", "re", "typing"}
    package = str(Path(client.__file__).parents[2])
    code = (
        f"import sys; sys.path.insert(0, {package!r})\n"
        "from stoker import client\n"
        "class Manager:\n"
        "    def get(self, path): return {'instances': []}\n"
        "client.connect = lambda place: Manager()\n"
        "from stoker.compat import run\n"
        "status = run('svcs', ['-a'])\n"
        f"print(status, sorted({heavy!r}.intersection(sys.modules)))"
    )
    command = [sys.executable, "-I", "-S", "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert found == "STATE          STIME    FMRI\n0 []\n"
