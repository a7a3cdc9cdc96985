"""The table of verbs. Nothing else says what a verb takes."""

from __future__ import annotations

from .verb import STATUSES, Argument, Option, Verb

__all__ = ["GLOBAL", "STATUSES", "VERBS", "Argument", "Option", "Verb", "verb_named"]

JSON = Option("--json", "print one JSON object with a version")
NAMES = Argument("names", "services: exact, abbreviated or a pattern", many="+", kind="service")
SOME = Argument("names", "services; all, if none is named", many="*", kind="service")
TIMEOUT = Option(
    "--timeout", "wait at most so long (10s, 2m); then exit with 5", value="TIME", kind="time"
)
REASON = Option(
    "--reason", "why: kept, and shown by status", value="TEXT", short="-r", other="--why"
)
NO_WAIT = Option("--no-wait", "do not wait: print the operation's number")
DRY_RUN = Option("--dry-run", "say what would happen, in order, and do nothing", short="-n")
CHANGE = (NO_WAIT, TIMEOUT, DRY_RUN, REASON, JSON)
UNTIL = Option(
    "--until", "take it back by itself then (18:00, +2h, tomorrow)", value="WHEN", kind="when"
)
LATER = Option("--later", "record it only; act at the next `up` or boot")
NOW = Option("--now", "act at once; that is what happens anyway")
INIT = Option(
    "--init", "the init, instead of the one found", value="INIT",
    choices=("systemd", "openrc", "sysvinit", "runit"),
)  # fmt: skip
ROOT = Option(
    "--root", "of the file system below DIR; commands are then only shown", value="DIR",
    kind="directory",
)  # fmt: skip
STATES = ("online", "offline", "disabled", "maintenance", "degraded", "up", "down")
SHELLS = ("bash", "zsh", "fish")

SHOWS = {3: STATUSES[3], 4: STATUSES[4]}
CHANGES = {
    0: "done",
    1: "it failed, or is impossible",
    3: STATUSES[3],
    4: STATUSES[4],
    5: STATUSES[5],
}

GLOBAL = (
    Option("--project", "the project in DIR", value="DIR", short="-C", kind="directory"),
    Option("--user", "the user's place"),
    Option("--system", "the machine's place"),
    Option("--runtime-dir", "where the socket is", value="DIR", kind="directory"),
    Option("--help", "explain, and do nothing", short="-h"),
    Option("--version", "print the version, and do nothing", short="-V"),
)

VERBS: tuple[Verb, ...] = (
    Verb(
        "up", "bring up a directory of services, and keep it up",
        "Brings up everything that DIR defines, in the order of its dependencies. In the "
        "foreground it shows progress, then follows states and output; Ctrl-C stops all in order, "
        "a second one escalates. On a place that is up it is `reload`, and Ctrl-C only detaches.",
        [Argument("dir", "the project's directory; the working directory, if none is given",
                  many="?", kind="directory")],
        [Option("--detach", "return when all is settled", short="-d"), NO_WAIT, TIMEOUT, DRY_RUN,
         JSON],
        statuses={0: "all is up", 1: "something is not up, or another manager has the place",
                  5: STATUSES[5]}, fast=False,
    ),
    Verb(
        "run", "run a directory of services, and a command, in a container",
        "As PID 1, or not: this process becomes the keeper. Services' output goes to our own, with "
        "names before the lines. When COMMAND has ended, or a service that is essential, all is "
        "stopped in order, and the status is its own. Without DIR the command is all there is.",
        [Argument("dir", "the directory of services", many="?", kind="directory"),
         Argument("command", "a command to run beside them, with our input", many="*",
                  kind="rest")],
        [Option("--plain", "the lines of COMMAND without its name before them")],
        statuses={0: "all is down, as was asked; or what was essential ended with 0",
                  1: "it could not begin; or what was essential could not be executed",
                  126: "COMMAND is not executable", 127: "there is no COMMAND",
                  128: "and more: the signal that ended what was essential, plus 128"},
        fast=False,
    ),
    Verb(
        "down", "stop everything in reverse order, then the manager",
        "Says what it waits for: name, processes, signal, seconds. A second Ctrl-C kills what is "
        "left at once.",
        options=[TIMEOUT, DRY_RUN, REASON, NO_WAIT, JSON],
        statuses={0: "all is down", 1: "something could not be stopped", 3: STATUSES[3],
                  5: STATUSES[5]},
    ),
    Verb(
        "check", "find every mistake in definitions",
        "Reads all definitions as `up` would, and shows every mistake with file, line and key, "
        "what is ignored and why, and what would start, in order. Nothing is started.",
        [Argument("dir", "the project's directory; else the place here", many="?",
                  kind="directory")],
        [JSON],
        statuses={0: "no mistakes (there may be warnings)", 1: "there are mistakes"}, fast=False,
    ),
    Verb(
        "ls", "list instances: STATE NAME PID SINCE RESTARTS NOTE",
        "One line for each instance: its state (two, while it moves from one to the other), its "
        "main process, how long it has been so, restarts, and the one thing worth knowing.",
        [SOME], [JSON], statuses=SHOWS,
    ),
    Verb(
        "status", "show everything about instances, or about the place",
        "State and why, who chose so and until when, processes as a tree, memory, CPU, tasks, "
        "dependencies with their states, the last lines of output. Without a name: keeper, manager "
        "and recorder.",
        [Argument("names", "services; the place itself, if none is named", many="*",
                  kind="service")],
        [Option("--lines", "so many lines of output (10)", value="COUNT", short="-n",
                kind="count"), JSON],
        statuses=SHOWS,
    ),
    Verb(
        "explain", "say why an instance is, or is not, up",
        "The chain from cause to effect, and what would change it.",
        [NAMES], [JSON], statuses=SHOWS,
    ),
    Verb(
        "start", "start instances now",
        "Until `stop`, or the next boot if they are not enabled. Starts along what they want. A "
        "service in maintenance is tried again.",
        [NAMES], [UNTIL, NOW, *CHANGE], statuses=CHANGES,
    ),
    Verb(
        "stop", "stop instances until start, enable or boot",
        "Whole contracts: every process. Names what else stops because of it.",
        [NAMES], [UNTIL, NOW, *CHANGE], statuses=CHANGES,
    ),
    Verb(
        "restart", "stop, then start, instances that run",
        "An instance that does not run is left alone. What depends on it follows its restart_on.",
        [NAMES], [NOW, *CHANGE], statuses=CHANGES,
    ),
    Verb(
        "refresh", "let instances read their configuration again",
        "Runs the refresh method (exec_refresh). Where there is none, says that nothing was run: "
        "definition and dependencies are looked at again.",
        [NAMES], [NOW, *CHANGE], statuses=CHANGES,
    ),
    Verb(
        "signal", "send a signal to the main process of instances",
        "By name or number, with or without SIG. What the service does then is its own affair.",
        [Argument("signal", "HUP, SIGHUP or 1", kind="word"), NAMES], [*CHANGE],
        statuses=CHANGES,
    ),
    Verb(
        "enable", "want instances up, now and after every boot",
        "Remembered with who, when, why and until when.",
        [NAMES], [UNTIL, LATER, NOW, *CHANGE], statuses=CHANGES,
    ),
    Verb(
        "disable", "want instances down, now and after every boot",
        "Remembered with who, when, why and until when.",
        [NAMES], [UNTIL, LATER, NOW, *CHANGE], statuses=CHANGES,
    ),
    Verb(
        "clear", "take instances out of maintenance or degraded",
        "They are tried again, with all counters at zero.",
        [NAMES], [*CHANGE], statuses=CHANGES,
    ),
    Verb(
        "mark", "put instances in maintenance, or call them degraded",
        "Until `clear`. One in maintenance is stopped.",
        [Argument("state", "what to call them", kind="choice",
                  choices=("degraded", "maintenance")), NAMES],
        [Option("--immediate", "maintenance: its processes are left running until it leaves that",
                short="-I"), *CHANGE], statuses=CHANGES,
    ),
    Verb(
        "logs", "show output, by time",
        "Lines of several services interleaved, each with its time and name; also while no manager "
        "runs.",
        [SOME],
        [
            Option("--follow", "go on", short="-f"),
            Option("--lines", "the last so many lines", value="COUNT", short="-n", kind="count"),
            Option("--since", "from then on (10:00, -1h, yesterday)", value="WHEN", kind="past"),
            Option("--until", "up to then", value="WHEN", kind="past"),
            Option("--run", "of one run: its number, or last", value="RUN"),
            Option("--grep", "lines that match", value="REGEX", short="-g"),
            Option("--ignore-case", "with --grep: capitals or not", short="-i"),
            Option("--stream", "standard output (o) or error (e), where kept apart",
                   value="STREAM", choices=("o", "e")),
            Option("--manager", "what keeper, manager and recorder say"),
            Option("--plain", "the lines alone, without time and name"),
            Option("--json", "one JSON object a line"),
        ],
        statuses={1: "it cannot be read", 4: STATUSES[4]},
    ),
    Verb(
        "wait", "wait until instances are in a state",
        "1 as soon as it is known that it cannot come so without an administrator.",
        [NAMES],
        [Option("--for", "the state (online)", value="STATE", kind="choice", choices=STATES),
         TIMEOUT, JSON],
        statuses={0: "it is so", 1: "it will not be so without an administrator", 3: STATUSES[3],
                  4: STATUSES[4], 5: STATUSES[5]},
    ),
    Verb(
        "cat", "show the effective definition",
        "With where each value comes from; what looks like a secret is masked.",
        [NAMES], [JSON], statuses=SHOWS,
    ),
    Verb(
        "events", "show what happened, or follow what happens",
        "Every change of state and every operation. Each has a cursor; who goes on from one misses "
        "nothing, or is told so.",
        [SOME],
        [Option("--follow", "go on", short="-f"),
         Option("--cursor", "after this event; 0: from the oldest kept", value="NUMBER",
                kind="count"),
         Option("--json", "one JSON object a line")],
        statuses=SHOWS,
    ),
    Verb(
        "history", "show runs, changes of state and operations of the past",
        "Runs by default: start, end, and how each ended. Also while no manager runs.",
        [SOME],
        [Option("--transitions", "changes of state instead"),
         Option("--operations", "operations instead"),
         Option("--since", "from then on (10:00, -1h)", value="WHEN", kind="past"),
         Option("--until", "up to then", value="WHEN", kind="past"),
         Option("--lines", "the newest so many", value="COUNT", short="-n", kind="count"),
         JSON],
        statuses={1: "it cannot be read", 4: STATUSES[4]},
    ),
    Verb(
        "boot", "show how the place came up: who waited, who was starting, what took longest",
        "A bar for each service of the last start: · while it waited, ▒ while it was starting, █ "
        "once it was up, × when it was given up; then the critical path. Also while no manager "
        "runs.",
        [SOME], [Option("--svg", "draw a picture (SVG) on standard output"), JSON],
        statuses={1: "it cannot be read", 4: STATUSES[4]}, fast=False,
    ),
    Verb(
        "reload", "read the definitions again",
        "Only what changed is touched. Says what, and why.",
        options=[NO_WAIT, TIMEOUT, DRY_RUN, JSON],
        statuses={0: "done", 1: "there are mistakes, or something is not up", 3: STATUSES[3],
                  5: STATUSES[5]},
    ),
    Verb(
        "system", "show what is known of the machine, or tell the manager",
        "sleep stops every service, wake brings them back. set says that a condition (TIME, "
        "MOUNTS, NETWORK, or a name of your own) is met or unmet; unset leaves it to its watcher. "
        "install makes stoker the init of the file system below --root: programs, boot services, "
        "what fstab comes to; uninstall takes exactly that away.",
        [Argument("action", "what to say; nothing: show all", many="?", kind="choice",
                  choices=("sleep", "wake", "set", "unset", "install", "uninstall")),
         Argument("name", "the condition", many="?", kind="word"),
         Argument("value", "met or unmet", many="?", kind="choice", choices=("met", "unmet"))],
        [Option("--root", "of the file system below DIR (install, uninstall)", value="DIR",
                kind="directory"), *CHANGE], statuses=CHANGES,
    ),
    Verb(
        "prop", "show or set properties of a service, above what its file says",
        "What is set is kept over reloads and changes of the file until it is unset. A value may "
        "have its type in front (count:3), and must where the property is new. Without --later it "
        "takes effect at once.",
        [Argument("action", "what to do", kind="choice", choices=("get", "set", "unset")),
         Argument("name", "the service", kind="service"),
         Argument("what", "PG/PROP, or PG/PROP=VALUE for set", many="*", kind="word")],
        [Option("--later", "keep it only; `stoker reload` does not take it, `svccfg refresh` does"),
         JSON],
        statuses={1: "it could not be done", 3: STATUSES[3], 4: STATUSES[4]}, fast=False,
    ),
    Verb(
        "import", "take service bundles of SMF into the repository, or convert systemd's units",
        "Each file, and every *.xml below a directory. They are services until they are deleted "
        "(stoker svccfg delete); what an administrator set for one is kept when it comes again. "
        "`import systemd UNIT…` writes a native definition for each of systemd's units, and says "
        "of every setting whether it is taken, approximated or ignored, and why. A socket unit "
        "becomes a part of its service, which it brings along.",
        [Argument("paths", "files and directories; or `systemd` and units", many="+",
                  kind="directory")],
        [Option("--to", "write the definitions of units into DIR, not the place's", value="DIR",
                kind="directory"),
         Option("--dry-run", "show the definitions of units, and write nothing", short="-n"), JSON],
        statuses={0: "all were taken", 1: "some have mistakes", 3: STATUSES[3]}, fast=False,
    ),
    Verb(
        "export", "write services as a service bundle of SMF",
        "Of whatever format they are. Importing what is written gives the same services again.",
        [SOME], [Option("--output", "into FILE instead of standard output", value="FILE",
                        short="-o", kind="file"), JSON],
        statuses={0: "written", 1: "it could not be written", 4: STATUSES[4]}, fast=False,
    ),
    Verb(
        "snapshot", "list what the properties of a service were, or go back",
        "initial and last-import: as imported; previous: before the last import; running: what is "
        "in effect.",
        [Argument("action", "what to do", kind="choice", choices=("ls", "revert")),
         Argument("name", "the service", kind="service"),
         Argument("snapshot", "which one; running, if none is named", many="?", kind="word")],
        [Option("--later", "keep it only; `svccfg refresh` makes it take effect"), JSON],
        statuses={0: "listed, or done", 1: "it could not be done", 3: STATUSES[3],
                  4: STATUSES[4]}, fast=False,
    ),
    Verb(
        "contract", "show the contracts that processes are held in, or follow what happens to them",
        "A contract holds the processes of one run, whatever they fork. ls lists them, stat shows "
        "what is in each, nested as cgroups are, watch follows: begin, empty, core, signal, stop, "
        "end. Contracts are named by their number, or by the service.",
        [Argument("action", "what to do", kind="choice", choices=("ls", "stat", "watch")),
         Argument("what", "numbers and services; all, if none is named", many="*",
                  kind="service")],
        [JSON], statuses=SHOWS, fast=False,
    ),
    Verb(
        "milestone", "have only what one service needs up, or show which one that is",
        "all: no bound; none: nothing but what tells of the machine. Until everything goes down, "
        "or with --default for good. What was started or stopped for now inside is as it was "
        "chosen for good again.",
        [Argument("name", "the service; nothing: show", many="?", kind="word")],
        [Option("--default", "also after every boot"), NO_WAIT, TIMEOUT, DRY_RUN, JSON],
        statuses=CHANGES, fast=False,
    ),
    Verb(
        "new", "write a commented definition",
        "NAME.toml in the project's directory; an existing file is never overwritten.",
        [Argument("name", "the service", kind="word"),
         Argument("command", "what to execute", many="*", kind="rest")],
        [Option("--stdout", "print it instead"), JSON],
        statuses={0: "written", 1: "it exists, or cannot be written"}, fast=False,
    ),
    Verb(
        "schema", "print the JSON Schema of definitions, for editors",
        "Generated from the same table of keys that definitions are read by.",
        options=[Option("--settings", "of the settings file instead"), JSON],
        fast=False,
    ),
    Verb(
        "completion", "print the completion of a shell",
        "For bash: eval \"$(stoker completion bash)\".",
        [Argument("shell", "which", many="?", kind="choice", choices=SHELLS)],
        [Option("--names", "print the names of instances here"),
         Option("--verbs", "print the verbs"), JSON],
    ),
    Verb(
        "reexec", "replace our own programs by what is installed now",
        "Keeper, recorder and manager. No service is touched.",
        options=[TIMEOUT, DRY_RUN, JSON],
        statuses={0: "done", 1: "it could not", 3: STATUSES[3], 5: STATUSES[5]},
    ),
    Verb(
        "doctor", "look for what is wrong, and name a remedy for each",
        "Descriptors, cgroups, orphans, logs and free space, the clock, permissions, keeper, "
        "manager and recorder, the repository, definitions. Changes nothing; also while no "
        "manager runs.",
        options=[JSON],
        statuses={0: "nothing was found", 1: "something was found"}, fast=False,
    ),
    Verb(
        "user", "have a manager for each user, kept by the machine's manager",
        "linger: his services run from boot on; unlinger: only while he is logged in. session is "
        "for pam_exec(8), which says who (PAM_USER) comes or goes (PAM_TYPE); run is what the "
        "service user:NAME executes.",
        [Argument("action", "what to do", kind="choice",
                  choices=("linger", "unlinger", "session", "run")),
         Argument("name", "the user; of session: who PAM says", many="?", kind="word")],
        [JSON],
        statuses={0: "done", 1: "it could not be done; a file there is not ours"}, fast=False,
    ),
    Verb(
        "install", "have the host's init start the manager at boot",
        "systemd, OpenRC, sysvinit or runit. With --user the user's manager, with --system the "
        "machine's. A file that is not ours is never overwritten.",
        options=[INIT, ROOT, DRY_RUN, JSON],
        statuses={0: "done", 1: "it could not be done; a file there is not ours"}, fast=False,
    ),
    Verb(
        "uninstall", "take back what install did",
        "Removes exactly the files that install writes. What runs goes on.",
        options=[INIT, ROOT, DRY_RUN, JSON],
        statuses={0: "done, or there was nothing", 1: "it could not be done; a file there is not "
                  "ours"}, fast=False,
    ),
    Verb(
        "install-commands", "make other systems' commands reachable under their own names",
        "One link in DIR for each command of another system that we have, or for those named: "
        "a command (svctl) or a system (sysmgr). They are also reached as `stoker svctl …`. Names "
        "of the machine's own init (service, systemctl …) are made only when `shims` is named.",
        [Argument("dir", "where the links go; it is made", kind="directory"),
         Argument("command", "commands or systems; all but shims, if none is named", many="*",
                  kind="word")],
        [DRY_RUN, JSON],
        statuses={0: "done", 1: "it could not be done; a file there is not ours"}, fast=False,
    ),
    Verb(
        "help", "explain a verb, or list all",
        "The same as --help after the verb.",
        [Argument("verb", "which", many="?", kind="word")], [JSON],
    ),
    Verb("version", "print the version", "Of the command, and of the manager if one runs here.",
         options=[JSON]),
)  # fmt: skip


def verb_named(name: str) -> Verb | None:
    """The verb of that name."""
    for verb in VERBS:
        if verb.name == name:
            return verb
    return None
