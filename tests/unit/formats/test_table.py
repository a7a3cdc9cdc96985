"""The one table of keys, and all that is made of it: schema, reference, a new definition."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from stoker.errors import UsageError
from stoker.formats import compile_place, file_name, new_definition, reference_rows, schema
from stoker.model import LIVE_FIELDS, changed_fields, project_place


def test_every_key_of_the_table_stands_in_the_reference_and_the_schema() -> None:
    rows = reference_rows()
    made = schema()
    for row in rows:
        assert row["doc"] and row["type"], row
        if not row["table"]:
            assert row["key"] in made["properties"]
    names = {row["key"] for row in rows if not row["table"]}
    assert names == set(made["properties"])
    assert {row["table"] for row in rows} == {
        "",
        "[[listen]]",
        "[activation]",
        "[[dependency]]",
        "[ready]",
        "[[health]]",
        "[restart]",
        "[contexts]",
        "[limits]",
        "[log]",
    }


def test_the_keys_that_are_promised_exist() -> None:
    names = {(row["table"], row["key"]) for row in reference_rows()}
    top = (
        "id exec_start_pre exec_start_pre_timeout exec_start shutdown_timeout system_dependencies "
        "description enabled model exec_stop exec_refresh exec_stop_post start_timeout stop_signal "
        "user group supplementary_groups working_directory umask nice oom_score_adj environment "
        "environment_files essential wants wanted_by conflicts part_of after before "
        "tokens instances"
    )
    assert {("", name) for name in top.split()} <= names
    for table, words in (
        ("[[dependency]]", "targets grouping restart_on condition"),
        ("[ready]", "notify fd tcp unix file pidfile http exec log exit interval timeout"),
        ("[[health]]", "exec http tcp interval timeout threshold grace action"),
        ("[restart]", "when delay factor cap jitter reset_after limit retry_every"),
        ("[limits]", "memory cpu pids io nofile nproc core missing"),
    ):
        assert {(table, name) for name in words.split()} <= names


def test_effects_are_those_of_the_model() -> None:
    rows = {(row["table"], row["key"]): row["effect"] for row in reference_rows()}
    assert rows["", "exec_start"] == rows["", "user"] == rows["[ready]", "tcp"] == "restart"
    assert rows["", "exec_stop"] == rows["", "description"] == rows["[restart]", "delay"] == "live"
    assert rows["[log]", "mode"] == "restart" and rows["[log]", "size"] == "live"
    assert "restart" in LIVE_FIELDS and "start" not in LIVE_FIELDS


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (("", "description"), 'description = "x"'),
        (("", "exec_stop"), 'exec_stop = ["x"]'),
        (("", "user"), 'user = "nobody"'),
        (("", "after"), 'after = ["it"]'),
        (("[restart]", "delay"), '[restart]\ndelay = "1s"'),
        (("[ready]", "notify"), "[ready]\nnotify = true"),
        (("[log]", "mode"), '[log]\nmode = "none"'),
        (("[log]", "count"), "[log]\ncount = 9"),
        (("[limits]", "nofile"), "[limits]\nnofile = 9"),
    ],
)
def test_what_the_reference_says_is_what_a_reload_does(
    box: Any, key: tuple[str, str], text: str
) -> None:
    rows = {(row["table"], row["key"]): row["effect"] for row in reference_rows()}
    start = 'exec_start = ["x"]\n'
    old, new = box.read(start), box.read(start + text)
    assert set(changed_fields(old, new).values()) == {rows[key]}


def test_schemas_are_json() -> None:
    for which in ("definition", "settings"):
        made = json.loads(json.dumps(schema(which)))
        assert made["$schema"].startswith("https://json-schema.org/")
        assert made["additionalProperties"] is False
        for pattern in re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', json.dumps(made)):
            re.compile(json.loads(f'"{pattern}"'))


@pytest.mark.parametrize(
    "text",
    [
        "",
        'description = "no command"',
        'exec_strat = ["x"]',
        "exec_start = 5",
        'exec_start = ["x"]\nshutdown_timeout = 10',
        'exec_start = ["x"]\nshutdown_timeout = "soon"',
        'exec_start = ["x"]\nmodel = "chlid"',
        'exec_start = ["x"]\nnice = 99',
        'exec_start = ["x"]\n[[dependency]]\ngrouping = "require_all"',
        'exec_start = ["x"]\n[restart]\nunknown = 1',
        'exec_start = ["x"]\n[instances.blue]\nid = "x"',
    ],
)
def test_the_schema_refuses_what_reading_refuses(box: Any, right_by_schema: Any, text: str) -> None:
    assert box.wrong(text)
    assert not right_by_schema(text)


def test_the_schema_accepts_the_examples(right_by_schema: Any) -> None:
    examples = Path(__file__).resolve().parents[3] / "examples"
    files = list(examples.glob("*/*.toml"))
    assert len(files) >= 7
    assert [path for path in files if not right_by_schema(path.read_text())] == []


def test_the_schema_knows_what_is_required() -> None:
    made = schema()
    assert {"required": ["exec_start"]} in made["anyOf"]
    assert made["properties"]["dependency"]["items"]["required"] == ["targets"]
    assert "id" not in made["$defs"]["overrides"]["properties"]
    assert made["properties"]["model"]["enum"] == ["child", "contract", "transient"]


# -- stoker new


@pytest.mark.parametrize(
    ("name", "command", "fmri", "argv"),
    [
        (
            "web",
            ["python3", "-m", "http.server"],
            "svc:/web:default",
            ("python3", "-m", "http.server"),
        ),
        ("web", ["exec a | b"], "svc:/web:default", ("/bin/sh", "-c", "exec a | b")),
        ("web", ["a", 'q"\\', "\n\t\x7fé"], "svc:/web:default", ("a", 'q"\\', "\n\t\x7fé")),
        ("network/web", ["x"], "svc:/network/web:default", ("x",)),
        ("web@blue", ["x"], "svc:/web:blue", ("x",)),
        ("network/web:blue", ["x"], "svc:/network/web:blue", ("x",)),
        ("my web", ["x"], "svc:/my%20web:default", ("x",)),
        (".hidden", ["x"], "svc:/.hidden:default", ("x",)),
        ("a%0Ab", ["x"], "svc:/a%0Ab:default", ("x",)),
        ("#x#", ["x"], "svc:/%23x%23:default", ("x",)),
    ],
)
def test_a_new_definition_is_right(
    box: Any, name: str, command: list[str], fmri: str, argv: tuple[str, ...]
) -> None:
    (box.directory / file_name(name)).write_text(new_definition(name, command))
    compiled = box.compile()
    assert compiled.mistakes == []
    (one,) = compiled.definitions
    assert (one.fmri, one.start[0].argv) == (fmri, argv)


def test_what_is_commented_out_is_right_too(tmp_path: Path) -> None:
    text = new_definition("web", ["x"])
    # Every line that looks like TOML behind its "# ".
    live = re.sub(r"^# (?=[a-zA-Z_]+ = |\[)", "", text, flags=re.MULTILINE)
    assert set(tomllib.loads(live)) > {"ready", "restart", "limits", "dependency", "environment"}
    (tmp_path / "web.toml").write_text(live)
    place = project_place(str(tmp_path), {"HOME": "/nowhere"}, 1000, runtime="/run/x")
    compiled = compile_place(place)
    assert compiled.errors == []
    assert len(compiled.definitions) == 1


def test_its_advice() -> None:
    assert "stoker check DIR" in new_definition("web", ["x"])
    assert "stoker check /srv/app" in new_definition("web", ["x"], "/srv/app")


@pytest.mark.parametrize(
    ("name", "command"),
    [("", ["x"]), ("web", []), ("web", [""]), ("a//b", ["x"]), ("web", ["\udcff"])],
)
def test_what_cannot_be_written(name: str, command: list[str]) -> None:
    with pytest.raises(UsageError):
        new_definition(name, command)


def test_files_of_new_definitions() -> None:
    assert file_name("web") == "web.toml"
    assert file_name("network/web") == "network-web.toml"
    assert file_name("web:blue") == "web@blue.toml"
