"""SMF's commands on many instances: importing as many manifests, and listing them all."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from ..peers import Peer
from .scene import Scene

__all__ = ["Manifests"]

_BUNDLE = """<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>
<service_bundle type='manifest' name='s{n}'><service name='site/s{n}' type='service' version='1'>
<create_default_instance enabled='false'/>
<dependency name='fs' grouping='require_all' restart_on='none' type='service'>
<service_fmri value='svc:/site/s{before}'/></dependency>
<exec_method type='method' name='start' exec='/bin/sleep 1000 &amp;' timeout_seconds='60'>
<method_context><method_credential user='root' group='root'/></method_context></exec_method>
<exec_method type='method' name='stop' exec=':kill' timeout_seconds='60'/>
<property_group name='config' type='application'>
<propval name='port' type='count' value='{n}'/></property_group>
<template><common_name><loctext xml:lang='C'>service {n}</loctext></common_name></template>
</service></service_bundle>
"""
_LISTINGS = 10


class Manifests(Scene):
    """`count` manifests are imported, then listed by `svcs -a`, each time a process of its own."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.name = f"{count} manifests"

    def suits(self, peer: Peer) -> bool:
        return peer.name == "stoker"

    def measure(self, peer: Peer) -> dict[str, float]:
        from stoker.testing import Scenario

        with Scenario() as place:
            folder = place.base / "manifests"
            self._write(folder)
            place.toml("one", 'exec_start = ["sleep", "infinity"]\n')
            place.up()
            program = place.command()[:2]

            def run(*words: str) -> float:
                begun = time.monotonic()
                subprocess.run(
                    [*program, *words],
                    cwd=place.directory,
                    env=place.environment,
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
                return time.monotonic() - begun

            imported = run("svccfg", "import", str(folder))
            listed = sorted(run("svcs", "-a") for _ in range(_LISTINGS))
        return {
            f"svccfg import of {self.count} manifests, s": imported,
            f"svcs -a of {self.count} instances, median, ms": listed[_LISTINGS // 2] * 1000,
        }

    def _write(self, folder: Path) -> None:
        folder.mkdir()
        for n in range(self.count):
            text = _BUNDLE.format(n=n, before=max(0, n - 1))
            (folder / f"s{n:05}.xml").write_text(text)
