"""What each key of a native definition comes to."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from stoker.model import (
    Activation,
    Condition,
    Context,
    Definition,
    Dependency,
    Grouping,
    Health,
    Limits,
    Listen,
    LogSettings,
    Probe,
    Ready,
    Restart,
    RestartOn,
    Rung,
    Step,
)

START = 'exec_start = ["prog", "arg"]\n'


# -- the six keys of hermit_sm


def test_only_exec_start(box: Any) -> None:
    one = box.read(START)
    assert one.fmri == "svc:/it:default"
    assert one.start == (Step(("prog", "arg")),)
    # Everything else is the native column of the model's table: a child that is always restarted.
    assert one == Definition(
        "svc:/it:default", format="toml", source=one.source, origins=one.origins, start=one.start
    )
    assert (one.ends, one.interrupt, one.unclean, one.rebegin) == ("main", "abort", "ok", "prepare")
    assert one.restart.when == "always" and one.restart.limit is None
    assert one.ready == Ready("spawn", timeout=None)
    assert one.ladder == (Rung((15,), 10.0),)


def test_a_file_of_hermit_sm(box: Any) -> None:
    one = box.read(
        'id = "time-user"\n'
        'exec_start_pre = ["mkdir", "-p", "/run/x"]\n'
        'exec_start = ["daemon", "--foreground"]\n'
        'shutdown_timeout = "2s"\n'
        'system_dependencies = ["TIME", "MOUNTS"]\n'
    )
    assert one.fmri == "svc:/time-user:default"
    assert one.prepare == (Step(("mkdir", "-p", "/run/x"), timeout=10.0),)
    assert one.ladder == (Rung((15,), 2.0),)
    assert one.dependencies == (
        Dependency(
            ("input:TIME", "input:MOUNTS"),
            Grouping.REQUIRE_ALL,
            RestartOn.RESTART,
            name="system_dependencies",
        ),
    )


def test_its_timeout_before_the_start(box: Any) -> None:
    one = box.read(START + 'exec_start_pre = ["x"]\nexec_start_pre_timeout = "1m"\n')
    assert one.prepare == (Step(("x",), timeout=60.0),)


# -- names


def test_an_id_with_slashes(box: Any) -> None:
    assert box.read(START + 'id = "network/web"\n').fmri == "svc:/network/web:default"


def test_the_name_of_the_file(box: Any) -> None:
    box.toml("my web", START)
    box.toml("web@blue", START)
    box.toml("8080.x+~", START)
    assert [one.fmri for one in box.compile().definitions] == [
        "svc:/8080.x+~:default",
        "svc:/my%20web:default",
        "svc:/web:blue",
    ]


# -- commands


def test_commands(box: Any) -> None:
    one = box.read(
        'exec_start = "exec prog $HOME | cat"\n'
        'exec_stop = ["prog", "stop"]\n'
        'exec_stop_post = "rm -f x"\n'
        'exec_refresh = ":kill HUP"\n'
        'shutdown_timeout = "7s"\n'
    )
    assert one.start == (Step(("/bin/sh", "-c", "exec prog $HOME | cat")),)
    assert one.stop == (Step(("prog", "stop"), timeout=7.0, on_fail="ignore"),)
    assert one.cleanup == (Step(("/bin/sh", "-c", "rm -f x"), timeout=10.0, on_fail="ignore"),)
    assert one.refresh == (Step((), ":kill", 1, 30.0),)


def test_smfs_words_for_commands(box: Any) -> None:
    one = box.read('model = "transient"\nexec_start = ":true"\nexec_stop = ":kill -INT"\n')
    assert one.start == (Step((), ":true"),)
    assert one.stop[0].signal == 2


def test_nothing_is_interpolated(box: Any) -> None:
    one = box.read('exec_start = ["$HOME", "%i", "${X}", "~"]\n[environment]\nA = "$B %s"\n')
    assert one.start[0].argv == ("$HOME", "%i", "${X}", "~")
    assert one.context == Context(environment={"A": "$B %s"})


def test_tokens_are_asked_for(box: Any) -> None:
    one = box.read('tokens = true\nexec_start = ["prog", "%i", "%%", "%{app/port}"]\n')
    assert one.context.tokens and one.start[0].argv[1] == "%i"


# -- models and readiness


def test_models(box: Any) -> None:
    contract = box.read(START + 'model = "contract"\n')
    assert (contract.model, contract.ends) == ("contract", "empty")
    assert contract.ready == Ready("exit", timeout=30.0)
    transient = box.read(START + 'model = "transient"\nstart_timeout = "never"\n')
    assert (transient.model, transient.ends) == ("transient", "never")
    assert transient.ready == Ready("exit", timeout=None)


@pytest.mark.parametrize(
    ("text", "ready"),
    [
        ("notify = true", Ready("notify", timeout=30.0)),
        ("fd = 4", Ready("fd", fd=4, timeout=30.0)),
        ('log = "listening on [0-9]+"', Ready("log", pattern="listening on [0-9]+", timeout=30.0)),
        ('delay = "2s"', Ready("delay", delay=2.0)),
        ('pidfile = "/run/x.pid"', Ready("pidfile", path="/run/x.pid", timeout=30.0)),
        ('tcp = "localhost:80"', Ready("probe", Probe("tcp", target="localhost:80"), timeout=30.0)),
        ('tcp = "[::1]:80"', Ready("probe", Probe("tcp", target="[::1]:80"), timeout=30.0)),
        ('unix = "/run/s"', Ready("probe", Probe("unix", target="/run/s"), timeout=30.0)),
        (
            'http = "http://h/x?y"\ninterval = "1s"\ntimeout = "2s"',
            Ready(
                "probe",
                Probe("http", target="http://h/x?y", interval=1.0, timeout=2.0),
                timeout=30.0,
            ),
        ),
        ('exec = ["a", "b"]', Ready("probe", Probe("exec", ("a", "b")), timeout=30.0)),
        ('notify = true\ntimeout = "3s"', Ready("notify", timeout=3.0)),
    ],
)
def test_readiness(box: Any, text: str, ready: Ready) -> None:
    assert box.read(f"{START}[ready]\n{text}\n").ready == ready


def test_exit_is_for_what_ends(box: Any) -> None:
    one = box.read(START + 'model = "contract"\n[ready]\nexit = true\n')
    assert one.ready == Ready("exit", timeout=30.0)


def test_relative_paths_are_the_services_own(box: Any) -> None:
    one = box.read(
        START + 'working_directory = "app"\nenvironment_files = ["env", "-/etc/x", "-y"]\n'
        '[ready]\nfile = "up"\n'
    )
    base = f"{box.directory}/app"
    assert one.context.working_directory == base
    assert one.context.environment_files == (f"{base}/env", "-/etc/x", f"-{base}/y")
    assert one.ready.probe == Probe("file", target=f"{base}/up")


def test_start_timeout_where_it_is_up_once_executed(box: Any) -> None:
    assert box.read(START + 'start_timeout = "5s"\n').ready == Ready("spawn", timeout=5.0)


# -- stopping


def test_stop_signals(box: Any) -> None:
    assert box.read(START + 'stop_signal = "QUIT"\n').ladder == (Rung((3,), 10.0),)
    assert box.read(START + "stop_signal = 2\n").ladder == (Rung((2,), 10.0),)
    assert box.read(START + 'stop_signal = ["TERM", "SIGCONT"]\n').ladder == (Rung((15, 18), 10.0),)


def test_a_longer_ladder(box: Any) -> None:
    one = box.read(START + 'stop_ladder = ["INT 5s", "TERM+CONT 1m", "RTMIN+3 1s"]\n')
    assert one.ladder == (Rung((2,), 5.0), Rung((15, 18), 60.0), Rung((signal.SIGRTMIN + 3,), 1.0))


# -- surroundings


def test_surroundings(box: Any) -> None:
    one = box.read(
        START + 'user = "nobody"\ngroup = 7\nsupplementary_groups = ["tty", 9]\numask = "027"\n'
        'nice = -5\noom_score_adj = 500\n[environment]\nPORT = "80"\n'
    )
    assert one.context == Context(
        user="nobody",
        group="7",
        supplementary_groups=("tty", "9"),
        umask=0o27,
        nice=-5,
        oom_score_adj=500,
        environment={"PORT": "80"},
    )


def test_words(box: Any) -> None:
    one = box.read(START + 'description = "Ä"\nenabled = false\nessential = true\n')
    assert (one.description, one.enabled, one.essential) == ("Ä", False, True)


# -- relations


def test_relations(box: Any) -> None:
    for name in ("a", "b", "c"):
        box.script(name)
    box.toml("d@x", START)
    box.toml(
        "it",
        START + 'wants = ["a"]\nwanted_by = ["b"]\nconflicts = ["c"]\n'
        'after = ["d:x"]\nbefore = ["svc:/a"]\npart_of = ["b"]\n',
    )
    compiled = box.compile()
    assert compiled.mistakes == []
    (one,) = [one for one in compiled.definitions if one.fmri == "svc:/it:default"]
    assert (one.wants, one.wanted_by, one.conflicts) == (("svc:/a",), ("svc:/b",), ("svc:/c",))
    assert (one.after, one.before) == (("svc:/d:x",), ("svc:/a",))
    assert one.part_of == ("svc:/b",)


def test_dependencies(box: Any) -> None:
    box.script("db")
    box.toml(
        "it",
        START + '[[dependency]]\ntargets = ["db", "db:default"]\n'
        '[[dependency]]\ntargets = ["file:///etc/x", "file:/y", "input:network"]\n'
        'grouping = "optional_all"\nrestart_on = "refresh"\ncondition = "healthy"\nwatch = false\n',
    )
    compiled = box.compile()
    assert compiled.mistakes == []
    one = compiled.definitions[1]
    assert one.dependencies == (
        Dependency(("svc:/db", "svc:/db:default")),
        Dependency(
            ("file:///etc/x", "file:///y", "input:network"),
            Grouping.OPTIONAL_ALL,
            RestartOn.REFRESH,
            Condition.HEALTHY,
            False,
        ),
    )
    default = one.dependencies[0]
    assert (default.grouping, default.restart_on, default.condition) == (
        "require_all",
        "none",
        "ready",
    )


@pytest.mark.parametrize("word", ["require_all", "require_any", "optional_all", "exclude_all"])
def test_all_groupings(box: Any, word: str) -> None:
    one = box.read(START + f'[[dependency]]\ntargets = ["input:X"]\ngrouping = "{word}"\n')
    assert one.dependencies[0].grouping is Grouping(word)


@pytest.mark.parametrize("word", ["none", "error", "restart", "refresh"])
def test_all_restart_ons(box: Any, word: str) -> None:
    one = box.read(START + f'[[dependency]]\ntargets = ["input:X"]\nrestart_on = "{word}"\n')
    assert one.dependencies[0].restart_on is RestartOn(word)


@pytest.mark.parametrize("word", ["started", "ready", "healthy", "completed"])
def test_all_conditions(box: Any, word: str) -> None:
    one = box.read(START + f'[[dependency]]\ntargets = ["input:X"]\ncondition = "{word}"\n')
    assert one.dependencies[0].condition is Condition(word)


# -- tables


def test_health(box: Any) -> None:
    one = box.read(
        START + '[health]\nhttp = "http://h:1/"\ninterval = "5s"\ntimeout = "1s"\nthreshold = 2\n'
        'start_grace = "3s"\naction = "restart"\n'
    )
    probe = Probe("http", target="http://h:1/", interval=5.0, timeout=1.0)
    assert one.health == (Health("health", probe, 2, 3.0, "restart"),)


def test_several_health_probes(box: Any) -> None:
    one = box.read(START + '[[health]]\nexec = ["a"]\nname = "a"\n[[health]]\ntcp = ":1"\n')
    assert [(probe.name, probe.action) for probe in one.health] == [
        ("a", "degrade"),
        ("health2", "degrade"),
    ]


def test_restart(box: Any) -> None:
    one = box.read(
        START
        + '[restart]\nwhen = "on-failure"\ndelay = "1s"\nfactor = 3\ncap = "1m"\njitter = 0.5\n'
        'reset_after = "2m"\nlimit = 4\nretry_every = "1h"\n'
    )
    assert one.restart == Restart("on-failure", 1.0, 3.0, 60.0, 0.5, 120.0, 4, 3600.0)
    assert Restart() == Restart("always", 0.1, 2.0, 30.0, 0.1, 60.0, None, None)


def test_limits(box: Any) -> None:
    one = box.read(
        START
        + '[limits]\nnofile = 1024\ncore = "unlimited"\nstack = ["8M", "unlimited"]\ncpu_time = 5\n'
        'memory = "512M"\nmemory_high = 1048576\ncpu = "50%"\npids = 9\nmissing = "refuse"\n'
        '[limits.io]\n"/dev/sda" = "rbps=10M wiops=max"\nweight = 200\n'
    )
    assert one.limits == Limits(
        rlimits={"nofile": (1024, 1024), "core": (-1, -1), "stack": (8 * 2**20, -1), "cpu": (5, 5)},
        memory=512 * 2**20,
        memory_high=2**20,
        cpu=0.5,
        pids=9,
        io={"/dev/sda": "rbps=10485760 wiops=max", "weight": "200"},
        missing="refuse",
    )


def test_log(box: Any) -> None:
    one = box.read(
        START + '[log]\nmode = "json"\nsize = "1MB"\nage = "1d"\ncount = 2\nstderr = "apart"\n'
    )
    assert one.log == LogSettings("json", size=1_000_000, age=86400.0, count=2, stderr="apart")
    assert box.read(START + 'log = "none"\n').log == LogSettings("none")
    filed = box.read(START + '[log]\nmode = "file"\npath = "out"\n')
    assert filed.log == LogSettings("file", path=f"{box.directory}/out")


# -- instances


INSTANCES = """\
exec_start = ["prog"]
user = "nobody"
[environment]
A = "1"
B = "1"
[restart]
delay = "1s"
[ready]
notify = true

[instances.blue]
user = "daemon"
[instances.blue.environment]
B = "2"
[instances.blue.restart]
cap = "2s"

[instances.green]
exec_start = "other"
[instances.green.ready]
fd = 3
"""


def test_instances_override_any_key(box: Any) -> None:
    box.toml("web", INSTANCES)
    compiled = box.compile()
    assert compiled.mistakes == []
    blue, green = compiled.definitions
    assert (blue.fmri, green.fmri) == ("svc:/web:blue", "svc:/web:green")
    assert blue.context == Context(user="daemon", environment={"A": "1", "B": "2"})
    assert green.context == Context(user="nobody", environment={"A": "1", "B": "1"})
    assert (blue.restart.delay, blue.restart.cap) == (1.0, 2.0)
    # What kind of readiness it is is one choice: it is replaced, not mixed.
    assert (blue.ready.kind, green.ready.kind) == ("notify", "fd")
    assert green.start[0].argv == ("/bin/sh", "-c", "other")


def test_origins_say_where_each_value_comes_from(box: Any) -> None:
    path = box.toml("web", INSTANCES)
    blue, green = box.compile().definitions
    assert blue.source == str(path)
    assert blue.origins["exec_start"] == f"{path}:1"
    assert blue.origins["user"] == f"{path}:12"
    assert blue.origins["environment.A"] == f"{path}:4"
    assert blue.origins["environment.B"] == f"{path}:14"
    assert blue.origins["restart.delay"] == f"{path}:7"
    assert green.origins["user"] == f"{path}:2"
    assert green.origins["ready.fd"] == f"{path}:21"


def test_an_exec_start_may_stand_in_the_instances_alone(box: Any) -> None:
    box.toml("web", '[instances.a]\nexec_start = ["x"]\n[instances.b]\nexec_start = ["y"]\n')
    assert [one.start[0].argv for one in box.compile().definitions] == [("x",), ("y",)]


def test_sockets(box: Any) -> None:
    one = box.read(
        START
        + 'activation = "first"\nworking_directory = "/run"\n'
        + '[[listen]]\naddress = "[::1]:80"\nname = "web"\nbacklog = 5\n'
        + '[[listen]]\naddress = "*:81"\ntype = "datagram"\n'
        + '[[listen]]\naddress = "./x.sock"\nmode = "0660"\ngroup = "www"\n'
        + '[[listen]]\naddress = "@x"\ntype = "seqpacket"\n'
    )
    assert one.listen == (
        Listen("[::1]:80", name="web", backlog=5),
        Listen(":81", "datagram"),
        Listen("/run/x.sock", mode=0o660, group="www"),
        Listen("@x", "seqpacket"),
    )
    assert one.activation == Activation("first")
    one = box.read(
        START
        + '[[listen]]\naddress = ":80"\n[activation]\nwhen = "each"\ncopies = 3\nrate = 40\n'
        + 'pause = "1m"\nstderr = "socket"\n'
    )
    assert one.activation == Activation("each", copies=3, rate=40, pause=60.0, stderr="socket")


def test_capabilities(box: Any) -> None:
    one = box.read(START + 'user = "nobody"\ncapabilities = ["CAP_NET_RAW", "chown"]\n')
    assert one.context.capabilities == ("net_raw", "chown")
    assert box.read(START + "capabilities = []\n").context.capabilities == ()
    box.toml("it", START + 'capabilities = ["net_row"]\n')
    (wrong,) = box.compile().errors
    assert (wrong.key, wrong.hint) == ("capabilities[0]", "did you mean net_raw?")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[listen]]\ntype = "stream"', '"address" is missing'),
        ('[[listen]]\naddress = "localhost:80"', "is a name, and none is looked up"),
        ('[[listen]]\naddress = "80"', 'expected "HOST:PORT"'),
        (f'[[listen]]\naddress = "/{"x" * 107}"', "from 1 to 107 bytes"),
        ('[[listen]]\naddress = ":80"\nname = "a:b"', "has no colon"),
        ('[[listen]]\naddress = ":80"\nmode = "0600"', "no owner and no mode"),
        ('[[listen]]\naddress = ":80"\ntype = "seqpacket"', "for a path or @NAME"),
        ('[[listen]]\naddress = ":80"\n[[listen]]\naddress = ":80"', "stands here twice"),
        ('[ready]\nfd = 3\n[[listen]]\naddress = ":80"', "descriptor 3 is a socket of"),
        ('[activation]\nwhen = "first"', "nothing to wait at"),
        ('[activation]\nwhen = "each"\n[[listen]]\naddress = ":80"\ntype = "datagram"',
         "datagrams come without a connection"),
        ('[ready]\nnotify = true\n[activation]\nwhen = "first"\n[[listen]]\naddress = ":80"',
         "up as soon as it is listened for"),
    ],
)  # fmt: skip
def test_sockets_that_cannot_be(box: Any, text: str, message: str) -> None:
    box.toml("it", f"{START}{text}\n")
    (wrong,) = box.compile().errors
    assert message in wrong.message


def test_what_smf_says_of_failures(box: Any) -> None:
    one = box.read(
        START + 'ignore = ["core"]\n[restart]\nfailures = 3\nfatal_exits = [95, 96]\n'
        'rate_count = 5\nrate_period = "10min"\n'
    )
    assert one.ignore == ("core",)
    assert one.restart == Restart(failures=3, fatal_exits=(95, 96), rate_count=5, rate_period=600.0)
    box.toml("it", START + "[restart]\nfatal_exits = [0]\n")
    (wrong,) = box.compile().errors
    assert (wrong.key, wrong.message) == ("restart.fatal_exits", "an exit status is from 1 to 255")


def test_a_command_has_surroundings_of_its_own(box: Any) -> None:
    one = box.read(
        'exec_start = ["x"]\nexec_stop = ["y"]\nexec_refresh = ["z"]\nuser = "nobody"\n'
        'group = "daemon"\nenvironment = {A = "1", B = "1"}\numask = "0027"\n'
        '[contexts.exec_stop]\nuser = "root"\nenvironment = {B = "2"}\n'
        'working_directory = "/srv"\ncapabilities = ["chown"]\n'
    )
    (stop,) = one.stop
    assert stop.context is not None
    assert (stop.context.user, stop.context.group, stop.context.working_directory) == (
        *("root", "", "/srv"),
    )
    assert stop.context.environment == {"A": "1", "B": "2"}
    assert (stop.context.umask, stop.context.capabilities) == (0o027, ("chown",))
    assert (one.refresh[0].context, one.start[0].context) == (None, None)
    assert (one.context.user, one.context.group) == ("nobody", "daemon")


def test_surroundings_of_what_there_is_not(box: Any) -> None:
    box.toml("it", START + '[contexts.exec_stop]\nuser = "root"\n')
    (wrong,) = box.compile().errors
    assert (wrong.key, wrong.message) == ("contexts.exec_stop", '"exec_stop" is missing')
    box.toml("it", START + '[contexts.exec_start]\nuser = "root"\n')
    assert box.compile().errors[0].key == "contexts.exec_start"


def test_a_rate_by_average(box: Any) -> None:
    text = START + '[restart]\nrate_count = 5\nrate_period = "10min"\nrate_average = true\n'
    expected = Restart(rate_count=5, rate_period=600.0, rate_average=True)
    assert box.read(text).restart == expected
