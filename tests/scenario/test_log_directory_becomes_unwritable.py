"""S3: the place of a log cannot be written. The service goes on unhindered, what is dropped is
counted and said, and all is well again by itself.

A file where the directory should be refuses root too.
"""

from __future__ import annotations

from stoker.testing import Scenario

# More than any pipe holds, so that a reader that stopped would stop the service.
TALK = 'i=0; while [ $i -lt 40000 ]; do i=$((i+1)); echo "line $i of what is said in vain"; done'


def test_a_service_goes_on_and_its_log_comes_back(place: Scenario) -> None:
    logs = place.directory / ".stoker" / "logs"
    logs.mkdir(parents=True)
    (logs / "web").write_text("in the way\n")
    done, go = place.base / "done", place.base / "go"
    place.toml(
        "web",
        f"""
        exec_start = ["/bin/sh", "{
            place.file(
                "talk.sh",
                TALK
                + f'''
touch {done}
while :; do sleep 0.05; [ ! -e {go} ] || {{ i=$((i+1)); echo "line $i"; }}; done
''',
            )
        }"]
        """,
    )
    place.up()
    pid = place.pid("web")
    place.until(done.exists, "everything was taken")
    told = place.until(
        lambda: place.stoker("status", "--json").ok().json()["manager"]["notices"], "it is said"
    )
    assert any("web" in notice for notice in told), told

    (logs / "web").unlink()
    go.touch()

    def lines() -> list[str]:
        return place.stoker("logs", "--plain", "web").ok().out.splitlines()

    found = place.until(lambda: len(lines()) > 10 and lines(), "the log has come back")
    lost = [line for line in found if "could not be kept" in line]
    kept = [int(line.split()[1]) for line in found if line.startswith("line ")]
    assert len(lost) == 1, found[:3]
    dropped = int(lost[0].split("stoker: ")[1].split()[0])
    assert dropped >= 40000
    assert kept == list(range(dropped + 1, dropped + 1 + len(kept)))
    assert place.pid("web") == pid
    place.until(
        lambda: not place.stoker("status", "--json").ok().json()["manager"]["notices"],
        "nothing is said any more",
    )
