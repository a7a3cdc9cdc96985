"""What is wrong in a native definition: each with its line, its key, and what to do."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.formats import Entry, Surroundings, format_of
from stoker.formats.document import read_definition
from stoker.formats.toml import Toml

START = 'exec_start = ["prog"]\n'


@pytest.mark.parametrize(
    ("text", "line", "key", "message", "hint"),
    [
        # unknown keys
        ('exec_strat = ["x"]\n' + START, 1, "exec_strat", 'unknown key "exec_strat"',
         "did you mean exec_start?"),
        (START + "[restart]\ndelya = 1\n", 3, "restart.delya", 'unknown key "delya"',
         "did you mean delay?"),
        (START + 'restart_on = "none"\n', 2, "restart_on", 'unknown key "restart_on"',
         "it belongs into [[dependency]]"),
        (START + '[restart]\ndescription = "x"\n', 3, "restart.description",
         'unknown key "description"',
         "it belongs to the top of the file, above the first [table]"),
        (START + "zzzzzz = 1\n", 2, "zzzzzz", 'unknown key "zzzzzz"',
         "`stoker schema` has all keys"),
        (START + '"a\\nb" = 1\n', 2, '"a\\nb"', 'unknown key "a\nb"',
         "`stoker schema` has all keys"),
        # wrong types
        ("exec_start = 5\n", 1, "exec_start",
         "expected a command (a list of strings, or a string for /bin/sh), not the number 5", ""),
        ('exec_start = [\n "a",\n 5,\n]\n', 3, "exec_start[1]",
         "expected a string, not the number 5", 'write "5"'),
        ("exec_start = []\n", 1, "exec_start", "an empty command",
         'write the program and its arguments: ["program", "argument"]'),
        ('exec_start = ""\n', 1, "exec_start", "an empty command", ""),
        ('exec_start = [""]\n', 1, "exec_start", "the name of the program is empty", ""),
        ('exec_start = ["a\\u0000b"]\n', 1, "exec_start[0]",
         "an argument may not contain a NUL character", ""),
        (START + 'enabled = "yes"\n', 2, "enabled", 'expected true or false, not the string "yes"',
         "write true, without quotes"),
        (START + "description = 5\n", 2, "description", "expected a string, not the number 5",
         'write "5"'),
        (START + "after = \"a\"\n", 2, "after", 'expected a list of services, not the string "a"',
         'write ["a"]'),
        (START + "[environment]\nPORT = 80\n", 3, "environment.PORT",
         "expected a string, not the number 80",
         'write "80"'),
        (START + "environment = 5\n", 2, "environment",
         "expected a table of strings, not the number 5",
         'write NAME = "value" below [environment]'),
        (START + "[environment]\n\"A=B\" = \"1\"\n", 3, 'environment."A=B"',
         "a variable's name is not empty, and has neither = nor NUL", ""),
        (START + 'ready = "notify"\n', 2, "ready", 'expected a table, not the string "notify"',
         "write [ready] above its keys"),
        (START + '[dependency]\ntargets = ["a"]\n', 2, "dependency",
         "expected an array of tables, not a table",
         "write [[dependency]] with two brackets"),
        (START + "umask = 22\n", 2, "umask",
         'expected octal digits in quotes such as "022", not the number 22',
         'write "022", with quotes'),
        (START + 'umask = "99"\n', 2, "umask", '"99" is not a umask',
         'expected octal digits in quotes such as "022"'),
        (START + "nice = 40\n", 2, "nice",
         "expected a whole number from -20 to 19, not the number 40", ""),
        (START + "user = true\n", 2, "user", "expected a name or a number, not true", ""),
        (START + 'user = ""\n', 2, "user", 'the string "" cannot be a name', ""),
        (START + "[restart]\nfactor = nan\n", 3, "restart.factor",
         "expected a number from 1 to 1000, not the number nan", ""),
        (START + "[restart]\nlimit = 99999999999999999999\n", 3, "restart.limit", None, ""),
        # durations, sizes, signals
        (START + "shutdown_timeout = 10\n", 2, "shutdown_timeout",
         'expected a duration such as "10s", not the number 10', 'write the unit: "10s"'),
        (START + 'shutdown_timeout = "10"\n', 2, "shutdown_timeout", "not a duration: '10'",
         'write "10s"'),
        (START + 'shutdown_timeout = "soon"\n', 2, "shutdown_timeout", "not a duration: 'soon'",
         'write "10s", "100ms" or "1m30s"'),
        (START + 'shutdown_timeout = "-1s"\n', 2, "shutdown_timeout", "not a duration: '-1s'",
         'write "10s", "100ms" or "1m30s"'),
        (START + 'start_timeout = "0s"\n', 2, "start_timeout", '"0s" is too short',
         "0.01s is the least"),
        (START + 'stop_signal = "TREM"\n', 2, "stop_signal", "no such signal: TREM",
         "did you mean TERM?"),
        (START + "stop_signal = 99\n", 2, "stop_signal", "no such signal: 99",
         "as `kill -l` lists them"),
        (START + "stop_signal = 1000009\n", 2, "stop_signal", None, "as `kill -l` lists them"),
        (START + "stop_signal = []\n", 2, "stop_signal", "an empty list of signals", ""),
        (START + 'stop_ladder = ["TERM"]\n', 2, "stop_ladder[0]",
         'expected a signal and a duration, not the string "TERM"', 'write "TERM 10s"'),
        (START + 'stop_signal = "INT"\nstop_ladder = ["TERM 1s"]\n', 2, "stop_signal",
         "stop_signal and stop_ladder exclude each other", "the ladder names its own signals"),
        # words
        (START + 'model = "chlid"\n', 2, "model", 'unknown model "chlid"', 'did you mean "child"?'),
        (START + '[[dependency]]\ntargets = ["file:///"]\ngrouping = "require_al"\n', 4,
         "dependency[0].grouping",
         'unknown grouping "require_al"', 'did you mean "require_all"?'),
        (START + '[[dependency]]\ntargets = ["file:///"]\nrestart_on = "x"\n', 4,
         "dependency[0].restart_on",
         'unknown restart_on "x"', 'it is one of "none", "error", "restart", "refresh"'),
        (START + '[[dependency]]\ntargets = ["file:///"]\ncondition = "redy"\n', 4,
         "dependency[0].condition",
         'unknown condition "redy"', 'did you mean "ready"?'),
        (START + 'system_dependencies = ["TIMR"]\n', 2, "system_dependencies[0]",
         'unknown system dependency "TIMR"', 'did you mean "TIME"?'),
        # dependencies
        (START + '[[dependency]]\ngrouping = "require_all"\n', 2, "dependency[0]",
         '"targets" is missing',
         "services, instances, file:///path, input:NAME"),
        (START + "[[dependency]]\ntargets = []\n", 3, "dependency[0].targets", "targets is empty",
         "name what is needed"),
        (START + '[[dependency]]\ntargets = ["a//b"]\n', 3, "dependency[0].targets[0]",
         "'a//b' is not the name of a service",
         "parts are separated by one slash, and none is empty"),
        (START + '[[dependency]]\ntargets = ["file:x"]\n', 3, "dependency[0].targets[0]",
         'the string "file:x" is not an absolute path', "write file:///path"),
        (START + '[[dependency]]\ntargets = ["input:"]\n', 3, "dependency[0].targets[0]",
         'the string "input:" is not the name of an input', "write input:NAME"),
        (START + 'after = ["file:///x"]\n', 2, "after[0]",
         'only services can stand here, not the string "file:///x"', "use a [[dependency]]"),
        # readiness and health
        (START + "[ready]\n", 2, "ready", "[ready] needs exactly one kind, and has nothing",
         "one of notify, fd, exec, http, tcp, unix, file, pidfile, log, exit, delay"),
        (START + "[ready]\nnotify = true\nfd = 3\n", 2, "ready",
         "[ready] needs exactly one kind, and has notify and fd",
         "one of notify, fd, exec, http, tcp, unix, file, pidfile, log, exit, delay"),
        (START + "[ready]\nnotify = false\n", 3, "ready.notify", '"notify" is true or left out',
         "remove [ready]"),
        (START + "[ready]\nexit = true\n", 3, "ready.exit",
         "a child is up while its command runs; exit waits for its end",
         'add model = "transient" (nothing stays) or "contract" (daemons stay)'),
        (START + '[ready]\nnotify = true\ninterval = "1s"\n', 4, "ready.interval",
         '"interval" has no meaning with notify', "nothing is looked at"),
        (START + '[ready]\ntcp = "localhost"\n', 3, "ready.tcp",
         'expected "HOST:PORT", not the string "localhost"', 'write "localhost:8080"'),
        (START + '[ready]\ntcp = "h:99999"\n', 3, "ready.tcp", None, 'write "localhost:8080"'),
        (START + '[ready]\nhttp = "https://h/"\n', 3, "ready.http", None,
         "TLS is not spoken by probes: use exec"),
        (START + '[ready]\nlog = "("\n', 3, "ready.log", None, ""),
        (START + "[ready]\nfd = 1\n", 3, "ready.fd",
         "expected a whole number from 3 to 1023, not the number 1", ""),
        (START + '[health]\ninterval = "1s"\n', 2, "health",
         "[health] needs exactly one kind, and has nothing",
         "one of exec, http, tcp, unix, file"),
        (START + '[[health]]\ntcp = ":1"\nname = "a"\n[[health]]\ntcp = ":2"\nname = "a"\n', 5,
         "health[1]",
         'two probes are called "a"', "give each a name"),
        (START + '[health]\ntcp = ":1"\naction = "reboot"\n', 4, "health.action",
         'unknown action "reboot"',
         'it is one of "degrade", "restart", "none"'),
        # restart, limits, log
        (START + '[restart]\ndelay = "1m"\ncap = "1s"\n', 4, "restart.cap",
         "cap is less than delay",
         "the longest wait is at least the first"),
        (START + "[limits]\nnofile = [2, 1]\n", 3, "limits.nofile",
         "the soft limit is above the hard limit",
         "write [soft, hard]"),
        (START + '[limits]\nmemory = "much"\n', 3, "limits.memory", "not a size: 'much'",
         'write "10M", "1.5G" or a number of bytes'),
        (START + '[limits.io]\nsda = "rbps=1"\n', 3, "limits.io.sda", '"sda" is not a device',
         'write "/dev/NAME", or weight'),
        (START + '[limits.io]\n"/dev/x" = "fast"\n', 3, 'limits.io."/dev/x"',
         'expected io.max\'s words, not the string "fast"', 'write "rbps=10M wiops=200"'),
        (START + 'log = "file"\n', 2, "log", 'mode "file" needs a path',
         'write path = "/var/log/NAME.log"'),
        (START + '[log]\npath = "x"\n', 3, "log.path", 'path is for mode "file"',
         'write mode = "file"'),
        # tokens
        ('tokens = true\nexec_start = ["p", "%q"]\n', 2, "exec_start", 'unknown token "%q"',
         "a percent sign is written %%"),
        # names
        (START + 'id = "a//b"\n', 2, "id", "'a//b' is not the name of a service",
         "parts are separated by one slash, and none is empty"),
        (START + f'id = "{"x" * 300}"\n', 2, "id", "the name is too long (200 characters at most)",
         ""),
        # instances
        (START + "instances = 5\n", 2, "instances",
         "expected a table of instances, not the number 5",
         "write [instances.NAME] above the keys that differ"),
        (START + "[instances]\nblue = 5\n", 3, "instances.blue",
         "expected a table, not the number 5",
         "write [instances.blue]"),
        (START + '[instances.blue]\nid = "x"\n', 3, "instances.blue.id",
         '"id" cannot stand in an instance', ""),
        (START + 'id = "web@blue"\n[instances.green]\n', 3, "instances",
         "web@blue is one instance already",
         "name the file after the service alone"),
    ],
)  # fmt: skip
def test_one_mistake(
    box: Any, text: str, line: int, key: str, message: str | None, hint: str
) -> None:
    (one,) = box.wrong(text)
    assert one.file == str(box.directory / "it.toml")
    assert (one.line, one.key, one.hint, one.level) == (line, key, hint, "error")
    assert message is None or one.message == message


def test_a_missing_exec_start(box: Any) -> None:
    assert box.said('description = "x"\n') == [
        (None, None, '"exec_start" is missing', 'write exec_start = ["program", "argument"]')
    ]


def test_an_exec_start_that_all_instances_miss_is_one_mistake(box: Any) -> None:
    assert [line for line, *_ in box.said("[instances.a]\n[instances.b]\n")] == [None]
    assert len(box.wrong("instances = true\n")) == 2
    said = box.said('[instances.a]\nexec_start = ["x"]\n[instances.b]\n')
    assert [(line, key) for line, key, *_ in said] == [(3, "instances.b")]


def test_a_wrong_exec_start_is_not_also_missing(box: Any) -> None:
    assert len(box.wrong("exec_start = 5\n")) == 1


def test_all_mistakes_of_a_file_at_once(box: Any) -> None:
    found = box.said(
        "exec_start = 5\n"
        'shutdown_timeout = "x"\n'
        'after = ["a//b", 5]\n'
        "nonsense = 1\n"
        "[[dependency]]\n"
        'grouping = "x"\n'
        "[restart]\n"
        "delay = 1\n"
        "unknown = 1\n"
    )
    assert [(line, key) for line, key, _, _ in found] == [
        (1, "exec_start"),
        (2, "shutdown_timeout"),
        (3, "after[0]"),
        (3, "after[1]"),
        (4, "nonsense"),
        (5, "dependency[0]"),
        (6, "dependency[0].grouping"),
        (8, "restart.delay"),
        (9, "restart.unknown"),
    ]


def test_all_mistakes_of_all_files_at_once(box: Any) -> None:
    box.toml("a", "exec_start = 1\n")
    box.toml("b", "half = ")
    box.toml("c", START + 'after = ["absent"]\n')
    box.script("d", "no interpreter\n")
    compiled = box.compile()
    assert [Path(one.file).name for one in compiled.mistakes] == ["a.toml", "b.toml", "c.toml", "d"]
    assert [one.level for one in compiled.mistakes] == ["error", "error", "warning", "error"]
    assert [one.fmri for one in compiled.definitions] == ["svc:/c:default"]


INHERITED = """\
exec_start = ["x"]
shutdown_timeout = "soon"
[ready]
notify = true
fd = 3
[instances.a]
[instances.b]
[instances.c]
shutdown_timeout = "later"
"""


def test_a_mistake_that_instances_inherit_is_reported_once(box: Any) -> None:
    assert [(line, key) for line, key, _, _ in box.said(INHERITED)] == [
        (2, "shutdown_timeout"),
        (3, "ready"),
        (9, "instances.c.shutdown_timeout"),
    ]


def test_a_program_that_is_not_there_is_a_warning(box: Any) -> None:
    box.toml("it", 'exec_start = ["/no/such/program"]\n')
    compiled = box.compile()
    (one,) = compiled.mistakes
    assert (one.level, one.line, one.message) == ("warning", 1, "there is no /no/such/program")
    assert len(compiled.definitions) == 1


# -- files that are no definitions at all


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        (b'exec_start = ["a"\n', 1,
         "the file ends in the middle of something: is it still being written?"),
        (b'exec_start = ["a"]\ndescription = "x', 2,
         "the file ends in the middle of something: is it still being written?"),
        (b"exec_start = ['a']\nuser = nobody\n", 2, "strings stand in quotes"),
        (b"exec_start = ['a']\nexec_start = ['b']\n", 2, ""),
        (b"\xef\xbb\xbfexec_start = ['a']\n", 1,
         "the file begins with a byte order mark: save it without"),
        (b"exec_start = ['a']\n\0\0\0\0", 2,
         "the file has NUL characters: it was not written to its end"),
        (b"\0" * 100, 1, "the file has NUL characters: it was not written to its end"),
        (b"a = " + b"[" * 100_000, None, None),
        (b"a = " + b"9" * 5000, None, None),
    ],
)  # fmt: skip
def test_what_is_not_toml(box: Any, text: bytes, line: int | None, hint: str | None) -> None:
    (one,) = box.wrong(text)
    assert one.level == "error"
    if hint is not None:
        assert one.message.startswith("not valid TOML: ")
        assert (one.line, one.hint) == (line, hint)


def test_an_empty_file_has_no_exec_start(box: Any) -> None:
    assert [one.message for one in box.wrong(b"")] == ['"exec_start" is missing']


def test_not_utf8(box: Any) -> None:
    (one,) = box.wrong(b'exec_start = ["a"]\ndescription = "\xff"\n')
    assert (one.message, one.line, one.hint) == ("not UTF-8: byte 0xff", 2, "save it as UTF-8")


def test_a_line_of_a_megabyte(box: Any) -> None:
    long = "x" * 1_000_000
    assert box.read(START + f'description = "{long}"\n').description == long
    (one,) = box.wrong(f'exec_start = ["p", "{long}"]\n')
    assert one.key == "exec_start[1]" and "131071" in one.message
    (one,) = box.wrong(long)
    assert one.line == 1 and len(str(one)) < 1000
    (one,) = box.wrong(f'{START}{long} = "x"\n')
    assert one.line == 2 and len(str(one)) < 1000


def test_a_file_that_is_too_large(box: Any) -> None:
    (one,) = box.wrong(b"#" * (4 * 1024 * 1024 + 1))
    assert "larger than 4 MB" in one.message


@given(st.binary(max_size=200))
def test_any_bytes_become_mistakes_or_definitions(raw: bytes) -> None:
    file = Toml("/any.toml")
    file.parse(raw)
    reading = read_definition(file, "any", Surroundings())
    assert reading.claims
    assert bool(reading.definitions) == reading.good


VALUES = st.recursive(
    st.none().map(lambda _: "true")
    | st.integers(-(2**70), 2**70).map(str)
    | st.floats().map(str)
    | st.sampled_from(["'x'", "''", '"\\u0000"', '"1s"', '"TERM"', "1979-05-27", "07:32:00"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from(["a", "targets", "exec", "x"]), inner, max_size=2).map(
            lambda rows: "{" + ", ".join(f"{key} = {value}" for key, value in rows.items()) + "}"
        )
    ),
    max_leaves=5,
)


def _keys() -> list[str]:
    from stoker.formats import reference_rows

    found = []
    for row in reference_rows():
        table = row["table"].strip("[]")
        found.append(f"{table}.{row['key']}" if table and "[[" not in row["table"] else row["key"])
    return found


@given(st.dictionaries(st.sampled_from(_keys()), VALUES, max_size=4))
def test_any_value_at_any_key_is_read_or_told(rows: dict[str, str]) -> None:
    text = "".join(f"{key} = {value}\n" for key, value in rows.items())
    try:
        tomllib.loads(text)
    except ValueError:
        # A table given as a value, and one of its keys as well.
        return
    file = Toml("/any.toml")
    file.parse(text.encode())
    reading = read_definition(file, "any", Surroundings())
    assert bool(reading.definitions) == reading.good
    for one in reading.mistakes:
        assert one.line is not None or '"exec_start" is missing' in one.message


def test_each_entry_decides_its_own_format() -> None:
    plain, program = 0o100644, 0o100755
    assert format_of(Entry("/d", "a.toml", plain)).name == "toml"  # type: ignore[union-attr]
    assert format_of(Entry("/d", "a.toml", program)).name == "toml"  # type: ignore[union-attr]
    assert format_of(Entry("/d", "a", program)).name == "script"  # type: ignore[union-attr]
    assert format_of(Entry("/d", "a", plain)) is None
    assert format_of(Entry("/d", ".toml", plain)) is None
    assert format_of(Entry("/d", "a", 0o40755)) is None
    assert format_of(Entry("/d", "a.toml", 0o10644)) is None
