"""Where the files of a project, a user and the system are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stoker.errors import UsageError
from stoker.model import Place, find_place, project_place, run_places, system_place, user_place

HOME = {"HOME": "/home/ada", "XDG_RUNTIME_DIR": "/run/user/7"}


def nothing(path: str) -> bool:
    return False


def same(path: str) -> str:
    return os.path.normpath(path)


def test_a_project() -> None:
    place = project_place("/srv/app", HOME, 7)
    assert (place.kind, place.name, place.directories) == ("project", "/srv/app", ["/srv/app"])
    assert place.runtime == "/srv/app/.stoker/run"
    assert place.socket == "/srv/app/.stoker/run/control"
    assert place.state == "/srv/app/.stoker"
    assert place.settings == ["/srv/app/.stoker.toml"]
    assert place.working_directory == "/srv/app"


def test_a_user() -> None:
    place = user_place(HOME, 7)
    assert place.directories == ["/home/ada/.config/stoker/services"]
    assert place.runtime == "/run/user/7/stoker"
    assert place.state == "/home/ada/.local/state/stoker"
    assert place.settings == ["/home/ada/.config/stoker/stoker.toml"]
    assert place.working_directory == "/home/ada"


def test_a_user_with_directories_of_his_own() -> None:
    given = HOME | {"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "relative", "XDG_RUNTIME_DIR": ""}
    place = user_place(given, 7)
    assert place.directories == ["/c/stoker/services"]
    assert place.state == "/home/ada/.local/state/stoker"  # a relative one is to be ignored
    assert place.runtime == "/tmp/stoker-7/stoker"


def test_the_system() -> None:
    place = system_place({})
    assert place.directories == ["/etc/stoker/services", "/usr/lib/stoker/services"]
    assert (place.runtime, place.state, place.logs) == (
        "/run/stoker",
        "/var/lib/stoker",
        "/var/log/stoker",
    )
    assert place.settings == ["/etc/stoker/stoker.toml"]


def test_a_socket_path_that_is_too_long_is_replaced_by_a_short_one() -> None:
    deep = "/srv/" + "x" * 100
    place = project_place(deep, HOME, 7)
    assert place.runtime.startswith("/run/user/7/stoker-")
    assert len(os.fsencode(place.socket)) <= 107
    assert place.state == deep + "/.stoker"
    assert project_place(deep, HOME, 7).runtime == place.runtime
    assert project_place(deep + "y", HOME, 7).runtime != place.runtime


def test_a_long_runtime_directory_of_the_user_is_not_used_either() -> None:
    long = HOME | {"XDG_RUNTIME_DIR": "/run/" + "y" * 100}
    assert project_place("/srv/" + "x" * 100, long, 7).runtime.startswith("/tmp/stoker-7/")


def test_a_given_runtime_directory_that_is_too_long_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        project_place("/srv/app", HOME, 7, runtime="/run/" + "z" * 100)
    assert "--runtime-dir" in caught.value.hint


def test_the_runtime_directory_can_be_given() -> None:
    told = HOME | {"STOKER_RUNTIME_DIR": "/run/own"}
    assert project_place("/srv/app", told, 7).runtime == "/run/own"
    assert user_place(told, 7, runtime="/run/mine").runtime == "/run/mine"
    place = find_place("/srv", HOME, 7, directory="app", runtime="r", resolve=same)
    assert place.runtime == "/srv/r"


def test_a_place_is_looked_for_upward() -> None:
    def is_dir(path: str) -> bool:
        return path == "/srv/app/.stoker"

    place = find_place("/srv/app/src/deep", HOME, 7, is_dir=is_dir, resolve=same)
    assert place.directories == ["/srv/app"]


def test_without_a_project_it_is_the_users_or_roots() -> None:
    assert find_place("/srv", HOME, 7, is_dir=nothing, resolve=same).kind == "user"
    assert find_place("/srv", HOME, 0, is_dir=nothing, resolve=same).kind == "system"


def test_the_system_is_taken_when_only_it_runs() -> None:
    def is_dir(path: str) -> bool:
        return path == "/run/stoker"

    assert find_place("/srv", HOME, 7, is_dir=is_dir, resolve=same).kind == "system"


def test_what_is_said_wins() -> None:
    def is_dir(path: str) -> bool:
        return path == "/srv/.stoker"

    assert find_place("/srv", HOME, 7, kind="user", is_dir=is_dir, resolve=same).kind == "user"
    found = find_place("/srv", HOME, 7, directory="../opt/x", is_dir=is_dir, resolve=same)
    assert found.directories == ["/opt/x"]
    with pytest.raises(UsageError):
        find_place("/srv", HOME, 7, directory="x", kind="user", resolve=same)


def test_two_names_of_one_directory_are_one_place(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    one = find_place(str(tmp_path), HOME, 7, directory="real")
    assert find_place(str(tmp_path), HOME, 7, directory="link") == one


def test_a_place_survives_json() -> None:
    place = project_place("/srv/\udcff", HOME, 7)
    again = Place.from_json(place.to_json())
    assert again == place
    assert hash(again) == hash(place)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"kind": "user"}'])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(UsageError):
        Place.from_json(text)


def test_where_run_may_be() -> None:
    first = run_places("/srv/app", "/work", HOME, 7, first=True)
    assert [place.runtime for place in first] == ["/run/stoker", "/run/user/7/stoker"]
    later = run_places("/srv/app", "/work", HOME, 7, first=False)
    assert later[0].runtime == "/srv/app/.stoker/run"
    assert later[1].runtime.startswith("/run/user/7/stoker-")
    for place in (*first, *later):
        assert place.passes
        assert place.directories == ["/srv/app"]
        assert place.working_directory == "/srv/app"
        assert place.state == place.runtime + "/state"
        assert place.logs == place.runtime + "/logs"
        assert Place.from_json(place.to_json()) == place


def test_run_with_a_command_alone() -> None:
    (place,) = run_places(None, "/work", HOME, 7, first=False)
    assert (place.directories, place.settings, place.working_directory) == ([], [], "/work")
    other = run_places(None, "/elsewhere", HOME, 7, first=False)
    assert other[0].runtime != place.runtime


def test_run_where_it_is_told_to_be() -> None:
    given = {**HOME, "STOKER_RUNTIME_DIR": "/data"}
    assert [one.runtime for one in run_places("/srv/app", "/", given, 7, first=True)] == ["/data"]
    with pytest.raises(UsageError):
        run_places("/srv/app", "/", {}, 7, first=True, runtime="/" + "x" * 100)


def test_somebody_whom_no_table_knows_has_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert user_place({}, 10001).directories == ["/.config/stoker/services"]
