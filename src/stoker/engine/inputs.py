"""Inputs: what the manager is told about the machine, by whom and since when.

An input has at most two words: a person's (the last `set`, until `unset`) and its watcher's (the
last `give`). A person's counts before the watcher's; without any the input is unmet. `active` is
met unless somebody said sleep: a person's sleep ends with a person's wake, a watcher's with either.
What follows from an input (`Core.facts`, `Core.active`) is computed from its words whenever one of
them changes; the words live as long as the keeper, as overrides do.

Whoever gives an input does not obey `active`: what tells of the machine must not be put to sleep by
what it tells.
"""

from __future__ import annotations

from msgspec.structs import replace

from stoker.model import InputView, Request, Stage, display, rfc3339

from .core import Core
from .facts import Instance, Operation
from .gates import wanted
from .given import ACTIVE, Given, Word, sleep_cause, told
from .operations import set_goal

__all__ = [
    "give",
    "heed",
    "input_views",
    "put_to_sleep",
    "set_input",
    "unset_input",
    "wake",
    "withdraw",
]

# -- verbs


def set_input(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    """A person's word on an input."""
    name = r.input.removeprefix("input:")
    if not name or name == ACTIVE:
        return _not_a_name(name)
    word = Word(r.value, r.who, r.why, core.now.wall)
    _change(core, name, replace(core.inputs.get(name, Given()), said=word))
    op.note = f"{name} is {_met(r.value)}"
    return ""


def _met(value: bool) -> str:
    return "met" if value else "unmet"


def unset_input(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    """The person's word is taken back: the watcher's counts again."""
    name = r.input.removeprefix("input:")
    if not name or name == ACTIVE:
        return _not_a_name(name)
    given = core.inputs.get(name, Given())
    if given.said is None:
        op.note = f"nobody has set {name}"
    _change(core, name, replace(given, said=None))
    word = told(core, name)
    if word is None:
        op.note = op.note or f"nobody gives {name} now"
    else:
        op.note = op.note or f"{name} is {_met(word.value)}, says {word.who}"
    return ""


def _not_a_name(name: str) -> str:
    if name:
        return "active is not set: the verbs are sleep and wake"
    return "the name of an input is missing"


def give(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    """A watcher's word: `named` is the watcher, whose definition says what it gives."""
    name = r.input.removeprefix("input:")
    if len(named) != 1:
        return "who gives it? one watcher is to be named"
    watcher = named[0]
    if name not in watcher.definition.gives:
        what = ", ".join(watcher.definition.gives) or "nothing"
        return f"{watcher.name} does not give {name or 'that'} (its definition says: {what})"
    if not _speaks(core, watcher):
        return f"{watcher.name} is not to run: what it says does not count"
    word = Word(r.value, watcher.name, r.why, core.now.wall, watcher.fmri)
    given = core.inputs.get(name, Given())
    if given.seen is not None and replace(given.seen, when=word.when) == word:
        word = given.seen  # said again, as a watcher does that begins anew: it holds since then
    _change(core, name, replace(given, seen=word))
    op.who = watcher.name
    op.note = f"{name} is {_met(r.value)}"
    if name == ACTIVE and not r.value:
        _all_stop(core, op)
    return ""


def put_to_sleep(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    """Nothing runs until somebody says wake; the operation ends when all have stopped."""
    given = core.inputs.get(ACTIVE, Given())
    if given.said is None or given.said.value:
        word = Word(False, r.who, r.why, core.now.wall)
        _change(core, ACTIVE, replace(given, said=word))
    _all_stop(core, op)
    return ""


def _all_stop(core: Core, op: Operation) -> None:
    for i in core.instances.values():
        if i.stage is not Stage.IDLE and not i.definition.gives:
            set_goal(core, op, i, "asleep")


def wake(core: Core, op: Operation, named: list[Instance], r: Request) -> str:
    """The system is active, whoever said otherwise; the operation ends when all has settled."""
    given = core.inputs.get(ACTIVE, Given())
    seen = given.seen if given.seen is not None and given.seen.value else None
    if not core.active:
        word = Word(True, r.who, r.why, core.now.wall)
        _change(core, ACTIVE, Given(word, seen))
    core.settling.append(op.number)
    return ""


# -- what follows


def _change(core: Core, name: str, given: Given) -> None:
    from .apply import fact  # apply asks the verbs, and so us

    before = told(core, name)
    if given == Given():
        core.inputs.pop(name, None)
    else:
        core.inputs[name] = given
    core.touch_engine()
    word = told(core, name)
    if name == ACTIVE:
        if word is not None and not word.value and word != before:
            core.active_cause = sleep_cause(word)
        fact(core, ACTIVE, word is None or word.value)
    else:
        fact(core, f"input:{name}", word is not None and word.value)


def _speaks(core: Core, i: Instance) -> bool:
    """A watcher that is to run no more says nothing any more. While it is only being restarted, its
    last word holds.
    """
    return i.stage is not Stage.IDLE or wanted(core, i) or core.shutdown is not None


def heed(core: Core, i: Instance) -> None:
    """Take back what a watcher said that is to run no more."""
    if not _speaks(core, i):
        withdraw(core, i.fmri)


def withdraw(core: Core, fmri: str, but: tuple[str, ...] = ()) -> None:
    """Take back what an instance said, except of the inputs in `but`."""
    for name in [name for name in core.inputs if name not in but]:
        given = core.inputs[name]
        if given.seen is not None and given.seen.watcher == fmri:
            _change(core, name, replace(given, seen=None))


# -- views


def input_views(core: Core) -> list[InputView]:
    """Every input that somebody gives or names; `active` first, the others by name."""
    needed: dict[str, list[str]] = {}
    for target, edges in core.cited_facts.items():
        if target.startswith("input:"):
            owners = {edge.group.owner.name for edge in edges}
            needed[target.removeprefix("input:")] = sorted(owners)
    watchers: dict[str, str] = {}
    for i in core.instances.values():
        for name in i.definition.gives:
            watchers.setdefault(name, i.fmri)
    names = {*needed, *watchers, *core.inputs} - {ACTIVE}
    return [_view(core, name, needed, watchers) for name in [ACTIVE, *sorted(names)]]


def _view(
    core: Core, name: str, needed: dict[str, list[str]], watchers: dict[str, str]
) -> InputView:
    word = told(core, name)
    given = core.inputs.get(name, Given())
    met = core.active if name == ACTIVE else bool(core.facts.get(f"input:{name}"))
    by = "" if word is None else "watcher" if word.watcher else "person"
    watcher = watchers.get(name, given.seen.watcher if given.seen is not None else "")
    return InputView(
        name=name,
        met=met,
        by=by,
        who="" if word is None else word.who,
        why="" if word is None else word.why,
        since=None if word is None or not word.when else rfc3339(word.when),
        watcher=display(watcher) if watcher else "",
        watcher_says=None if given.seen is None else given.seen.value,
        needed_by=needed.get(name, []),
    )
