"""inetconv without a manager: which lines become manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoker.compat.smf.inetconv import main


def test_a_line_that_is_no_text_does_not_keep_the_others_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = tmp_path / "inetd.conf"
    conf.write_bytes(
        b"caf\xe9 stream tcp nowait root /bin/x x\n"
        b"many stream tcp nowait.\xc2\xb2 root /bin/x x\n"
        b"good stream tcp nowait root /bin/y y\n"
    )
    assert main(["-n", "-i", str(conf), "-o", str(tmp_path)]) == 1
    assert [one.name for one in tmp_path.glob("*.xml")] == ["good-tcp.xml"]
    told = capsys.readouterr().err
    assert f"{conf}:1: it is not UTF-8" in told
    assert f"{conf}:2: many: neither wait nor nowait" in told
