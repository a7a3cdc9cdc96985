"""Completion for bash, zsh and fish, from the table; names of services are asked for live."""

from __future__ import annotations

from .table import GLOBAL, VERBS, Argument, Option, Verb

__all__ = ["script"]


def script(shell: str) -> str:
    """The script for one shell. Raises KeyError for another."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()


def _spellings(option: Option) -> list[str]:
    return [word for word in (option.long, option.short) if word]


def _words(options: tuple[Option, ...]) -> str:
    return " ".join(word for option in options for word in _spellings(option))


def _what(argument: Argument) -> str:
    """What completes an argument: services, directories, verbs, or fixed words."""
    if argument.kind in ("service", "directory"):
        return argument.kind
    if argument.name == "verb":
        return "verb"
    return " ".join(argument.choices)


def _bash() -> str:
    cases = []
    for verb in VERBS:
        kinds = [what for what in map(_what, verb.arguments) if what]
        parts = [f'words="{_words(verb.options)}"']
        if "service" in kinds:
            parts.append('names="$(_stoker_live)"')
        if "verb" in kinds:
            parts.append('words="$words $verbs"')
        fixed = [what for what in kinds if what not in ("service", "directory", "verb")]
        if fixed:
            parts.append(f'words="$words {" ".join(fixed)}"')
        if "directory" in kinds:
            parts.append("files=1")
        cases.append(f"    {verb.name}) {'; '.join(parts)} ;;")
    values = []
    for option in {one.long: one for verb in VERBS for one in verb.options}.values():
        if option.choices:
            values.append(
                f"    {option.long}) COMPREPLY=($(compgen -W "
                f'"{" ".join(option.choices)}" -- "$word")); return ;;'
            )
    return f"""# Completion of stoker for bash: eval "$(stoker completion bash)"
_stoker_live() {{ stoker "${{_stoker_place[@]}}" completion --names 2>/dev/null; }}
_stoker() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
  local verbs="{" ".join(verb.name for verb in VERBS)}"
  local verb="" words="" names="" files="" at
  local -a _stoker_place=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "${{COMP_WORDS[at]}}" in
      -C|--project|--runtime-dir) _stoker_place+=("${{COMP_WORDS[at]}}" "${{COMP_WORDS[++at]}}") ;;
      --user|--system) _stoker_place+=("${{COMP_WORDS[at]}}") ;;
      -*) ;;
      *) verb="${{COMP_WORDS[at]}}"; break ;;
    esac
  done
  case "$before" in
    -C|--project|--runtime-dir) COMPREPLY=($(compgen -d -- "$word")); return ;;
{chr(10).join(values)}
  esac
  case "$verb" in
    "") words="$verbs {_words(GLOBAL)}" ;;
{chr(10).join(cases)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  [ -n "$files" ] && COMPREPLY+=($(compgen -d -- "$word"))
  # A name may have blanks; and a colon, at which bash cuts the word that is being completed.
  local line="${{COMP_LINE:0:COMP_POINT}}" name whole
  [[ $word == *\\* ]] && whole="${{word//\\/}}" || whole="${{line##* }}"
  local before_colon="${{whole%"${{whole##*:}}"}}"
  while IFS= read -r name; do
    [[ -n $name && $name == "$whole"* ]] && COMPREPLY+=("$(printf %q "${{name#"$before_colon"}}")")
  done <<< "$names"
}}
complete -F _stoker stoker
"""


def _quoted(text: str) -> str:
    """For zsh's _arguments: what it takes as its own marks is escaped, inside single quotes."""
    for char in "\\:[]":
        text = text.replace(char, "\\" + char)
    return text.replace("'", "'\\''")


def _zsh_option(option: Option) -> list[str]:
    tail = f"[{_quoted(option.summary)}]"
    if option.value:
        action = f"({' '.join(option.choices)})" if option.choices else ""
        action = "_files -/" if option.kind == "directory" else action
        tail += f":{option.value.lower()}:{action}"
    return [f"'{word}{tail}'" for word in _spellings(option)]


def _zsh_argument(argument: Argument) -> str:
    what = _what(argument)
    action = {"service": "_stoker_names", "directory": "_files -/", "verb": "_stoker_verbs"}.get(
        what, f"({what})" if what else "_default"
    )
    many = "*" if argument.many in ("*", "+") else ":" if argument.many == "?" else ""
    return f"'{many}:{argument.name}:{action}'"


def _zsh() -> str:
    cases = []
    for verb in VERBS:
        specs = [spec for option in verb.options for spec in _zsh_option(option)]
        specs += [_zsh_argument(argument) for argument in verb.arguments]
        cases.append(f"    {verb.name}) _arguments -S {' '.join(specs)} ;;")
    shown = " ".join(f"'{verb.name}:{_quoted(verb.summary)}'" for verb in VERBS)
    top = " ".join(spec for option in GLOBAL for spec in _zsh_option(option))
    return f"""#compdef stoker
# Completion of stoker for zsh: eval "$(stoker completion zsh)", or as _stoker in fpath.
_stoker_names() {{
  local -a names; names=(${{(f)"$(stoker $_stoker_place completion --names 2>/dev/null)"}})
  (( $#names )) && compadd -a names
}}
_stoker_verbs() {{ local -a verbs; verbs=({shown}); _describe verb verbs }}
_stoker() {{
  local curcontext="$curcontext" state line
  local -a _stoker_place
  _arguments -C -S {top} '1:verb:_stoker_verbs' '*::argument:->rest'
  local option
  for option in -C --project --runtime-dir; do
    (( ${{+opt_args[$option]}} )) && _stoker_place+=($option "${{(Q)opt_args[$option]}}")
  done
  for option in --user --system; do (( ${{+opt_args[$option]}} )) && _stoker_place+=($option); done
  [[ $state == rest ]] && case $words[1] in
{chr(10).join(cases)}
  esac
}}
(( $+functions[compdef] )) && compdef _stoker stoker
"""


def _single(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish_option(option: Option, condition: str) -> str:
    parts = ["complete -c stoker", f"-n {_single(condition)}", f"-l {option.long[2:]}"]
    if option.short:
        parts.append(f"-s {option.short[1:]}")
    if option.value:
        parts.append("-r -F" if option.kind == "directory" else "-x")
    if option.choices:
        parts.append(f"-a {_single(' '.join(option.choices))}")
    return " ".join([*parts, f"-d {_single(option.summary)}"])


def _fish_argument(verb: Verb, argument: Argument) -> str:
    what = _what(argument)
    words = {"service": "(__stoker_names)", "verb": " ".join(one.name for one in VERBS)}
    head = f"complete -c stoker -n {_single('__fish_seen_subcommand_from ' + verb.name)}"
    if what == "directory":
        return f"{head} -F"
    return f"{head} -a {_single(words.get(what, what))}" if what else ""


def _fish() -> str:
    lines = [
        "# Completion of stoker for fish: stoker completion fish | source",
        "function __stoker_names",
        "    set -l place",
        "    set -l words (commandline -opc)",
        "    set -e words[1]",
        "    while set -q words[1]; and string match -q -- '-*' $words[1]",
        "        contains -- $words[1] -C --project --runtime-dir",
        "        and begin; set -a place $words[1] $words[2]; set -e words[1]; end",
        "        or set -a place $words[1]",
        "        set -e words[1]",
        "    end",
        "    stoker $place completion --names 2>/dev/null",
        "end",
        "complete -c stoker -f",
    ]
    lines += [_fish_option(option, "__fish_use_subcommand") for option in GLOBAL]
    for verb in VERBS:
        head = "complete -c stoker -n __fish_use_subcommand"
        lines.append(f"{head} -a {verb.name} -d {_single(verb.summary)}")
        condition = f"__fish_seen_subcommand_from {verb.name}"
        lines += [_fish_option(option, condition) for option in verb.options]
        lines += [text for one in verb.arguments if (text := _fish_argument(verb, one))]
    return "\n".join(lines) + "\n"
