"""What a process of an instance finds around itself: environment, directory, user, limits; the
`Command` to start.

All of it is computed again from its sources at every start, so that nothing goes stale: the place's
base environment, then the environment files, then `environment`, then what belongs to the account.
What is wrong is an OSError whose text names the file, the user or the token: it becomes the reason
why the start failed.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import sys
from collections.abc import Mapping

import msgspec

from stoker.linux import limits
from stoker.model import Context, Definition, Step, capability_mask, service_of, split

from . import activator
from .command import Command, SpawnError

__all__ = [
    "Account",
    "Surroundings",
    "account",
    "expand",
    "explain",
    "read_environment",
    "token_words",
]

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Account(msgspec.Struct, frozen=True):
    """Who a process runs as. `name` empty: as we do, and nothing is changed."""

    name: str = ""
    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] | None = None
    home: str = ""
    shell: str = ""


def _refuse(number: int, text: str) -> OSError:
    return OSError(number, text)


def account(context: Context) -> Account:
    """The account that `context` names. Raises OSError: no such user or group, or not allowed to
    become it.
    """
    if not (context.user or context.group or context.supplementary_groups is not None):
        return Account()
    entry = _user(context.user) if context.user else None
    uid = entry.pw_uid if entry else os.geteuid()
    gid = entry.pw_gid if entry else os.getegid()
    if context.group:
        gid = _group(context.group)
    groups: tuple[int, ...] | None = None
    if context.supplementary_groups is not None:
        groups = tuple(_group(name) for name in context.supplementary_groups)
    elif entry:
        groups = tuple(os.getgrouplist(entry.pw_name, gid))
    name, home, shell = (entry.pw_name, entry.pw_dir, entry.pw_shell) if entry else ("", "", "")
    if os.geteuid() != 0:
        if uid != os.geteuid() or gid != os.getegid() or context.supplementary_groups is not None:
            who = context.user or context.group or "other groups"
            raise _refuse(errno.EPERM, f"cannot run as {who}: the manager is not root")
        return Account(name, None, None, None, home, shell)
    return Account(name, uid, gid, groups, home, shell)


def _user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except KeyError:
        if name.isdecimal():
            number = int(name)
            return pwd.struct_passwd((name, "x", number, number, "", "/", "/bin/sh"))
        raise _refuse(errno.EINVAL, f"there is no user {name!r}") from None


def _group(name: str) -> int:
    if name.isdecimal():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise _refuse(errno.EINVAL, f"there is no group {name!r}") from None


def read_environment(path: str) -> dict[str, str]:
    """An environment file: NAME=VALUE a line; blank lines and # or ; lines are passed over; a pair
    of quotes round a value goes. A leading "-" in `path`: may be missing. Raises OSError naming
    file and line.
    """
    optional = path.startswith("-")
    path = path.removeprefix("-")
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        if optional:
            return {}
        raise _refuse(errno.ENOENT, f"the environment file {path} is missing") from None
    except OSError as error:
        raise _refuse(
            error.errno or errno.EIO, f"the environment file {path}: {error.strerror}"
        ) from None
    found = {}
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        name, sign, value = line.removeprefix("export ").partition("=")
        name = name.strip()
        if not sign or not name or any(sound in name for sound in " \t\0"):
            raise _refuse(errno.EINVAL, f"{path}:{number}: not NAME=VALUE: {line[:60]!r}")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        found[name] = value
    return found


def expand(text: str, words: Mapping[str, str]) -> str:
    """SMF's tokens in `text` (smf_method(7)). Raises OSError for one that is not known."""
    if "%" not in text:
        return text
    parts, at = [], 0
    while (sign := text.find("%", at)) >= 0:
        parts.append(text[at:sign])
        token = text[sign + 1 : sign + 2]
        if token not in words:
            shown = text[sign:].split("}")[0] + "}" if token == "{" else "%" + token
            raise _refuse(
                errno.EINVAL, f"unknown token {shown} in {text!r} (write %% for a percent sign)"
            )
        parts.append(words[token])
        at = sign + 2
    parts.append(text[at:])
    return "".join(parts)


def token_words(fmri: str, method: str) -> dict[str, str]:
    """What each of SMF's tokens stands for in a method of that instance."""
    service, instance = split(fmri)
    return {"%": "%", "r": "svc.startd", "s": service, "i": instance, "f": fmri, "m": method}


class Surroundings(msgspec.Struct):
    """The place's part of the surroundings. `base`: the recorded environment; `directory`: where
    processes stand unless the definition says otherwise ("" is the home of the account).
    """

    base: dict[str, str] = {}
    directory: str = "/"

    def command(
        self,
        definition: Definition,
        step: Step,
        method: str,
        *,
        arguments: tuple[str, ...] = (),
        added: Mapping[str, str] | None = None,
        stdin: int = -1,
        stdout: int = -1,
        stderr: int = -1,
        fds: Mapping[int, int] | None = None,
        cgroup: str | None = None,
        mark: int = 0,
    ) -> Command:
        """The command of one step. `added` wins over every other source of the environment. Raises
        OSError.
        """
        context = step.context or definition.context
        who = account(context)
        words = token_words(definition.fmri, method) if context.tokens else {}
        env = self.environment(context, who, words)
        env.update(added or {})
        cwd = self.cwd(context, who, words)
        argv = tuple(expand(word, words) for word in step.argv) if words else step.argv
        argv += arguments
        if method == "start":
            argv = activated(definition, argv)
        return Command(
            argv=argv,
            env=env,
            cwd=cwd,
            uid=who.uid,
            gid=who.gid,
            groups=who.groups,
            umask=context.umask,
            nice=context.nice,
            oom_score_adj=context.oom_score_adj,
            capabilities=_capabilities(context),
            rlimits=_rlimits(definition),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            fds=dict(fds or {}),
            cgroup=cgroup,
            mark=mark,
        )

    def environment(
        self, context: Context, who: Account, words: Mapping[str, str]
    ) -> dict[str, str]:
        """The whole environment of processes in that context. Raises OSError."""
        env = dict(self.base)
        if who.name:
            env |= {"USER": who.name, "LOGNAME": who.name, "HOME": who.home}
            env["SHELL"] = who.shell or "/bin/sh"
        for path in context.environment_files:
            mark, bare = ("-", path[1:]) if path.startswith("-") else ("", path)
            env |= read_environment(mark + os.path.join(self.directory or "/", bare))
        for name, value in context.environment.items():
            env[name] = expand(value, words) if words else value
        env.setdefault("PATH", _DEFAULT_PATH)
        return env

    def cwd(self, context: Context, who: Account, words: Mapping[str, str]) -> str:
        """Where processes stand. Raises OSError with a sentence when that is no directory we can
        tell to exist.
        """
        default = self.directory or who.home or self.base.get("HOME") or "/"
        chosen = context.working_directory
        if words:
            chosen = expand(chosen, words)
        if chosen == "~" or chosen.startswith("~/"):
            chosen = (who.home or self.base.get("HOME") or "/") + chosen[1:]
        return os.path.join(default, chosen) if chosen else default


def activated(definition: Definition, argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command that has the sockets: `argv` itself, or what starts it when somebody comes."""
    how = definition.activation
    if not definition.listen or how.when == "start":
        return argv
    words = [how.when, f"name={service_of(definition.fmri)}", f"stderr={how.stderr}"]
    words += [f"copies={how.copies}", f"rate={how.rate}", f"pause={how.pause}"]
    words += [f"failures={how.failures}", f"within={how.within}"]
    words += ["trace=1"] if how.trace else []
    return (sys.executable, "-I", "-S", activator.__file__, *words, "--", *argv)


def _capabilities(context: Context) -> int | None:
    """What it may beyond its user's rights, as a mask; None where nothing is said."""
    if context.capabilities is None or (not context.capabilities and os.geteuid() != 0):
        return None
    if os.geteuid() != 0:
        raise _refuse(errno.EPERM, "no capabilities can be given: the manager is not root")
    try:
        return capability_mask(context.capabilities)
    except KeyError as wrong:
        raise _refuse(errno.EINVAL, f"there is no capability {wrong}") from None


def _rlimits(definition: Definition) -> dict[int, tuple[int, int]]:
    found = {}
    for name, pair in definition.limits.rlimits.items():
        number = limits.NAMES.get(name)
        if number is None:
            raise _refuse(errno.EINVAL, f"there is no resource limit {name!r} here")
        found[number] = pair
    return found


def explain(command: Command, error: SpawnError) -> str:
    """A sentence for people about why `command` could not be started."""
    program, number = command.argv[0], error.errno
    step, reason = error.step, error.strerror or "failed"
    if step == "directory":
        return f"the working directory {command.cwd}: {reason}"
    if step == "exec" and number == errno.ENOENT and "/" not in program:
        return f"{program}: no such file in PATH ({command.env.get('PATH', '')})"
    if step == "exec" and number == errno.EACCES:
        return f"{program}: {reason} (is it executable?)"
    if step == "exec" and number == errno.ENOEXEC:
        return f"{program}: {reason}: neither a program of this machine nor a script with a #! line"
    if step == "interpreter":
        return f"{program}: its interpreter {error.filename or ''} {reason}".replace("  ", " ")
    if step == "exec":
        return f"{program}: {reason}"
    return str(error)
