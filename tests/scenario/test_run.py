"""`stoker run`: a command and services whose process is the keeper, as in a container."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from terminal import CTRL_C, terminal

from stoker.testing import Scenario

PATIENCE = 60
HELLO = 'echo "hello"; exec sleep infinity'


def begin(place: Scenario, *words: str, dir: bool = True) -> subprocess.Popen[str]:
    """`stoker run` with pipes on all three; it is ended with the scenario."""
    words = ("run", *([str(place.directory)] if dir else []), *words)
    command = [word for word in place.command() if dir or word not in ("-C", str(place.directory))]
    process = subprocess.Popen(
        [*command, *words],
        env=place.environment,
        cwd=place.base,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    place._started.append(process)
    return process


def ended(process: subprocess.Popen[str], input: str = "") -> tuple[int, list[str], str]:
    """Its status, its lines, its errors."""
    out, err = process.communicate(input, timeout=PATIENCE)
    return process.returncode, out.splitlines(), err


def test_the_command_has_our_input_and_we_have_its_status(place: Scenario) -> None:
    place.script("web", 'echo "hello"; echo "oh" >&2; exec sleep infinity')
    run = begin(place, "--", "sh", "-c", 'read line; echo "got $line"; exit 7')
    assert run.stdout is not None
    assert run.stdout.readline() == "web: hello\n"
    status, lines, err = ended(run, "something\n")
    assert status == 7
    assert lines == ["command: got something"]
    assert "web: oh" in err.splitlines()
    assert "command: maintenance: ended" in err


@pytest.mark.parametrize(("name", "status"), [("KILL", 137), ("SEGV", 139)])
def test_a_signal_is_128_and_its_number(place: Scenario, name: str, status: int) -> None:
    assert ended(begin(place, "--", "sh", "-c", f"kill -{name} $$"))[0] == status


def test_the_end_of_the_command_with_success_is_success(place: Scenario) -> None:
    place.script("web", HELLO)
    assert ended(begin(place, "--", "true"))[0] == 0


def test_alone_its_output_is_its_own(place: Scenario) -> None:
    run = begin(place, "--", "sh", "-c", "cat; echo oh >&2; printf unfinished; exit 3", dir=False)
    status, lines, err = ended(run, "one\ntwo\n")
    assert (status, lines, err) == (3, ["one", "two", "unfinished"], "oh\n")


def test_plain_is_without_the_name_of_the_command(place: Scenario) -> None:
    place.script("web", HELLO)
    run = begin(place, "--plain", "--", "sh", "-c", "read line; echo done")
    assert run.stdout is not None
    assert run.stdout.readline() == "web: hello\n"
    assert ended(run, "\n")[1] == ["done"]


def test_without_a_command_an_essential_service_is_what_counts(place: Scenario) -> None:
    place.toml("web", 'exec_start = "exit 9"\nessential = true\nrestart.when = "never"\n')
    place.script("other", HELLO)
    status, _, err = ended(begin(place))
    assert status == 9
    assert "all was stopped because the essential service web is over" in err
    assert err.rstrip().endswith("status 9")


def test_an_essential_service_that_is_restarted_ends_nothing(place: Scenario) -> None:
    place.toml(
        "web",
        'exec_start = "test -e again && exec sleep infinity; touch again; echo first; exit 9"\n'
        f'essential = true\nworking_directory = "{place.base}"\n',
    )
    run = begin(place, "--", "sh", "-c", "read line; exit 0")
    place.until(lambda: (place.runtime / "control").exists(), "the control socket")
    place.until(lambda: place.instances()["web"]["restarts"] == 1, "web was restarted")
    place.wait_for("web", "online")
    assert ended(run, "\n")[0] == 0


def test_all_is_stopped_in_order(place: Scenario) -> None:
    loop = "while :; do sleep 60 & wait $!; done"
    place.script("db", f"trap 'echo stops; exit 0' TERM; echo up; {loop}")
    place.toml(
        "web",
        f"exec_start = \"trap 'echo stops; exit 0' TERM; echo up; {loop}\"\n"
        '[[dependency]]\ntargets = ["db"]\n',
    )
    run = begin(place, "--", "sh", "-c", "read line")
    assert run.stdout is not None
    assert [run.stdout.readline() for _ in range(2)] == ["db: up\n", "web: up\n"]
    assert ended(run, "\n")[1] == ["web: stops", "db: stops"]


def test_term_takes_all_down_and_is_success(place: Scenario) -> None:
    place.script(
        "web", "trap 'echo stops; exit 3' TERM; echo up; while :; do sleep 60 & wait $!; done"
    )
    run = begin(place, "--", "sh", "-c", "exec sleep infinity")
    assert run.stdout is not None
    assert run.stdout.readline() == "web: up\n"
    run.send_signal(signal.SIGTERM)
    status, lines, _ = ended(run)
    assert (status, lines) == (0, ["web: stops"])


def test_signals_go_to_the_command_or_where_the_settings_say(place: Scenario) -> None:
    waits = "while :; do sleep 60 & wait $!; done"
    (place.directory / ".stoker.toml").write_text('[signals]\nUSR2 = ["web"]\nHUP = "ignore"\n')
    place.script("web", f"trap 'echo two' USR2; echo up; {waits}")
    run = begin(
        place, "--", "sh", "-c", f"trap 'echo one' USR1; trap 'exit 4' QUIT; echo up; {waits}"
    )
    assert run.stdout is not None
    assert {run.stdout.readline() for _ in range(2)} == {"web: up\n", "command: up\n"}
    run.send_signal(signal.SIGHUP)
    run.send_signal(signal.SIGUSR1)
    assert run.stdout.readline() == "command: one\n"
    run.send_signal(signal.SIGUSR2)
    assert run.stdout.readline() == "web: two\n"
    run.send_signal(signal.SIGQUIT)
    assert ended(run)[0] == 4


def test_a_manager_that_dies_takes_nothing_along(place: Scenario) -> None:
    run = begin(place, "--", "sh", "-c", "while read line; do echo $line; done; exit 5")
    assert run.stdin is not None
    assert run.stdout is not None
    run.stdin.write("one\n")
    run.stdin.flush()
    assert run.stdout.readline() == "command: one\n"
    before = place.manager()
    os.kill(before, signal.SIGKILL)
    place.until(lambda: place.stoker("ls").status == 0 and place.manager() != before, "another")
    assert ended(run, "two\n")[:2] == (5, ["command: two"])


def test_a_recorder_that_dies_takes_nothing_along(place: Scenario) -> None:
    run = begin(place, "--", "sh", "-c", "while read line; do echo $line; done; exit 5")
    assert run.stdin is not None
    assert run.stdout is not None
    run.stdin.write("one\n")
    run.stdin.flush()
    assert run.stdout.readline() == "command: one\n"

    def recorder() -> tuple[int, str]:
        words = (place.runtime / "keeper").read_text().split()
        at = words.index("recorder")
        return int(words[at + 1]), words[at + 2]

    before = recorder()[0]
    os.kill(before, signal.SIGKILL)
    place.until(lambda: recorder()[0] != before and recorder()[1] == "ready", "another")
    status, lines, _ = ended(run, "two\n")
    # What it was handing on in the moment of its death may be handed on once more, and is not lost.
    assert (status, lines[-1:]) == (5, ["command: two"])
    assert lines[:-1] in ([], ["command: one"])


def test_much_output_is_all_handed_on(place: Scenario) -> None:
    run = begin(place, "--", "seq", "100000")
    assert run.stdout is not None
    place.until(lambda: (place.runtime / "control").exists(), "the control socket")
    status, lines, _ = ended(run)
    assert status == 0
    assert lines == [f"command: {number}" for number in range(1, 100_001)]


def test_output_is_in_files_only_where_that_is_asked_for(place: Scenario) -> None:
    place.script("web", HELLO)
    place.toml("kept", 'exec_start = "echo kept; exec sleep infinity"\nlog = "lines"\n')
    run = begin(place, "--", "sh", "-c", "read line")
    assert run.stdout is not None
    assert run.stdout.readline() == "web: hello\n"
    place.until(lambda: "kept" in place.stoker("logs", "kept").out, "the line of kept")
    kept = {path.name for path in (place.runtime / "logs").iterdir()} - {"stoker.log"}
    assert len(kept) == 1
    assert ended(run, "\n")[1] == []


def test_all_that_is_written_is_below_the_runtime_directory(place: Scenario) -> None:
    place.script("web", HELLO)
    before = sorted(place.directory.rglob("*"))
    assert ended(begin(place, "--", "true"))[0] == 0
    assert sorted(place.directory.rglob("*")) == before


def test_the_environment_is_the_commands_too(place: Scenario) -> None:
    place.environment["SECRET_OF_OURS"] = "a b"
    run = begin(place, "--", "sh", "-c", 'echo "$SECRET_OF_OURS in $PWD"')
    assert ended(run)[1] == [f"command: a b in {place.base}"]


def test_a_command_that_cannot_be_executed_has_the_status_of_shells(place: Scenario) -> None:
    status, _, err = ended(begin(place, "--", "no-such-program"))
    assert (status, err) == (127, "stoker: no-such-program: there is no such program\n")
    status, _, err = ended(begin(place, "--", str(place.directory)))
    assert (status, err) == (126, f"stoker: {place.directory}: it is not executable\n")
    assert not place.runtime.exists()


def test_a_command_whose_interpreter_is_missing_says_so(place: Scenario) -> None:
    place.script("x", "exit 0").write_text("#!/no/such/interpreter\n")
    run = begin(place, "--", str(place.directory / "x"), dir=False)
    status, _, err = ended(run)
    assert status == 1
    assert "/no/such/interpreter" in err


def test_a_service_may_not_have_the_name_of_the_command(place: Scenario) -> None:
    place.script("command", HELLO)
    status, _, err = ended(begin(place, "--", "true"))
    assert status == 2
    assert "has a service `command`" in err


def test_two_do_not_share_a_directory(place: Scenario) -> None:
    run = begin(place, "--", "cat")
    place.until(lambda: place.stoker("ls").status == 0, "the first is up")
    status, _, err = ended(begin(place, "--", "true"))
    assert status == 1
    assert f"something runs in {place.runtime} already" in err
    assert ended(run)[0] == 0


def test_what_cannot_be_written_is_named(place: Scenario) -> None:
    place.environment["STOKER_RUNTIME_DIR"] = "/proc/nothing/here"
    status, _, err = ended(begin(place, "--", "true"))
    assert status == 1
    assert "/proc/nothing" in err
    assert "STOKER_RUNTIME_DIR" in err


def test_at_a_terminal_the_command_has_it_whole(place: Scenario) -> None:
    place.script("web", HELLO)
    script = (
        "trap 'echo pressed; exit 9' INT; test -t 0 && test -t 1 && test -t 2 && tty; "
        "printf 'name? '; read name; echo hello $name; "
        "while :; do sleep 60 & wait $!; done"
    )
    with terminal(place, "run", str(place.directory), "--", "sh", "-c", script) as person:
        person.expect("web: hello")
        person.expect("/dev/pts/")
        person.expect("name? ")
        person.press(b"ada\n")
        person.expect("hello ada")
        person.press(CTRL_C)
        person.expect("pressed")
        assert person.status() == 9
    assert "command: " not in person.seen.replace("command: maintenance", "")
