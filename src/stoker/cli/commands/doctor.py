"""Look for what is wrong with a place, and name a remedy for each finding."""

from __future__ import annotations

import shlex

from ..call import Call
from ..say import clean, coloured, dump, paint, plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stoker.model import Place

    from ..doctor import Patient

__all__ = ["run"]


def run(call: Call) -> int:
    """Examine everything; 0 when nothing was found, 1 otherwise."""
    from ..doctor import CHECKS, Patient

    place = call.place()
    patient = Patient(place, command(place))
    for check in CHECKS:
        check(patient)
    if patient.client is not None:
        patient.client.close()
    if call.json:
        facts = [{"subject": subject, "text": text} for subject, text in patient.facts]
        findings = [one.as_dict() for one in patient.findings]
        dump(
            {
                "version": 1,
                "ok": not findings,
                "place": place.name,
                "kind": place.kind,
                "findings": findings,
                "facts": facts,
            }
        )
    else:
        show(patient)
    return 1 if patient.findings else 0


def command(place: Place) -> str:
    """How a command for this place begins."""
    if place.kind == "project":
        return f"stoker -C {shlex.quote(place.name)}"
    return f"stoker --{place.kind}"


def show(patient: Patient) -> None:
    """What is in order, then what is not."""
    paints = coloured()
    for subject, text in patient.facts:
        print(f"{paint('ok', 'green', paints)}       {subject}: {clean(text)}")
    for one in patient.findings:
        colour = "red" if one.level == "error" else "yellow"
        print(f"{paint(one.level.ljust(7), colour, paints)}  {one.subject}: {clean(one.text)}")
        print(f"           {clean(one.remedy)}")
    print(plural(len(patient.findings), "finding") if patient.findings else "nothing was found")
