"""Writes the completions of all shells from the table of commands, into the files beside this one.

To renew them: .venv/bin/python completions/generate.py. All three scripts read a line as the
program does: the command is the first word that is neither a flag nor the value of one, and what
follows `exec --` is another command. shtab does not (`-p env hook`, `--flag=value`, `exec -- CMD`).
"""

import os
from collections.abc import Callable, Iterator

from tastyauth.cli.command import Argument, Command
from tastyauth.cli.commands import COMMANDS, COMMON
from tastyauth.shells import filled

_OFFERED = (*COMMON, *(flag for command in COMMANDS.values() for flag in command.flags))

VALUED = tuple(
    dict.fromkeys(name for flag in _OFFERED if not flag.is_switch for name in flag.flags)
)
"""Every flag that takes a value, of any command."""

_BASH = """\
_tastyauth() {
    local IFS=$' \\t\\n' current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' config='' place=0 words='' kind='' i word
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $command == exec && $word == -- ]]; then
            _tastyauth_program "$((i + 1))"
            return
        fi
        case $word in
            @VALUED@)
                if [[ ${COMP_WORDS[i + 1]-} == = ]]; then ((i += 1)); fi
                ((i += 1))
                if [[ $word == --config ]]; then config=${COMP_WORDS[i]-}; fi
                ;;
            -* | =) ;;
            *) if [[ -z $command ]]; then command=$word; else ((place += 1)); fi ;;
        esac
    done
    # readline takes --flag=value for three words
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case "$command $previous" in
@VALUES@
        *)
            case "$command $place" in
@PLACES@
            esac
            if [[ $current == -* || -z $words$kind ]]; then
                kind='' words='@COMMON@'
                case $command in
@FLAGS@
                esac
            fi
            ;;
    esac
    if [[ $kind == profiles ]]; then
        words=$("$1" ${config:+--config "$config"} \\
            completion bash --profiles </dev/null 2>/dev/null)
    fi
    if [[ $kind == files ]]; then
        compopt -o filenames 2>/dev/null
        _tastyauth_reply -f -- "$current"
    else
        _tastyauth_reply -W "$words" -- "$current"
    fi
}

_tastyauth_reply() {
    local word
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$@")
}

_tastyauth_program() {
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        _tastyauth_reply -c -- "${COMP_WORDS[COMP_CWORD]}"
    else
        compopt -o filenames 2>/dev/null
        _tastyauth_reply -f -- "${COMP_WORDS[COMP_CWORD]}"
    fi
}

complete -F _tastyauth tastyauth
"""


def bash() -> str:
    """The completions for bash, from 3.2 on, with or without the bash-completion package."""
    return filled(
        _BASH,
        VALUED=" | ".join(VALUED),
        VALUES="\n".join(_bash_values()),
        PLACES="\n".join(
            [f"                ' 0') words='{' '.join(COMMANDS)}' ;;", *_bash_places()]
        ),
        COMMON=_names(COMMON),
        FLAGS="\n".join(
            f"                    {command.name}) words+=' {_names(command.flags)}' ;;"
            for command in COMMANDS.values()
            if command.flags
        ),
    )


def _bash_values() -> Iterator[str]:
    given = [("*' {}'", flag) for flag in COMMON]
    given += [
        (f"'{command.name} {{}}'", flag) for command in COMMANDS.values() for flag in command.flags
    ]
    for pattern, flag in given:
        if not flag.is_switch:
            patterns = " | ".join(pattern.format(name) for name in flag.flags)
            yield f"        {patterns}) {_bash_offer(flag)} ;;"


def _bash_places() -> Iterator[str]:
    for command in COMMANDS.values():
        for place, argument in enumerate(command.places):
            number = "'*" if _is_repeated(argument) else f"{place}'"
            if _bash_offer(argument) != ":":
                yield f"                '{command.name} {number}) {_bash_offer(argument)} ;;"


def _bash_offer(argument: Argument) -> str:
    choices = f"words='{argument.choices}'" if argument.choices else ":"
    return _offer(argument, "kind=files", "kind=profiles", choices)


def _names(flags: tuple[Argument, ...]) -> str:
    return " ".join(name for flag in flags for name in flag.flags)


_ZSH = """\
#compdef tastyauth

_tastyauth() {
    local curcontext=$curcontext config context state line
    local -i i=2
    typeset -A opt_args
    local -a common offered  # `commands` is what zsh finds on $PATH
    common=(
@COMMON@
    )
    offered=(
@COMMANDS@
    )
    while ((i < CURRENT)); do
        case $words[i] in
            --config) config=$words[i+1] ;|
            @VALUED@) i+=2 ;;
            -*) i+=1 ;;
            *) break ;;
        esac
    done
    if ((i >= CURRENT)); then
        _arguments $common ': :->command' && return
        [[ $state == command ]] && _describe -t commands command offered
        return
    fi
    shift $((i - 1)) words
    CURRENT+=$((1 - i))
    i=${words[(i)--]}
    if [[ $words[1] == exec ]] && ((i < CURRENT)); then
        shift i words
        CURRENT+=-i
        _normal
        return
    fi
    curcontext=${curcontext%:*:*}:tastyauth-$words[1]:
    case $words[1] in
@ARGUMENTS@
    esac
}

_tastyauth_profiles() {
    local -a profiles named
    config=${opt_args[--config]:-$config}
    if [[ -n $config ]]; then named=(--config ${(Q)config}); fi
    profiles=(${(f)"$($service $named completion zsh --profiles 2>/dev/null </dev/null)"})
    compadd -a profiles
}

if [[ ${funcstack[1]-} == _tastyauth ]]; then
    _tastyauth "$@"
else
    compdef _tastyauth tastyauth
fi
"""


def zsh() -> str:
    """The completions for zsh: to be sourced after `compinit`, or in `$fpath` as `_tastyauth`."""
    return filled(
        _ZSH,
        VALUED="|".join(name for flag in COMMON if not flag.is_switch for name in flag.flags),
        COMMON="\n".join(f"        {_zsh_flag(flag)}" for flag in COMMON),
        COMMANDS="\n".join(
            f"        {_zsh_quoted(f'{command.name}:{command.summary}')}"
            for command in COMMANDS.values()
        ),
        ARGUMENTS="\n".join(map(_zsh_branch, COMMANDS.values())),
    )


def _zsh_branch(command: Command) -> str:
    words = ["_arguments -S $common", *map(_zsh_flag, command.flags)]
    for place in command.places:
        kind = "*" if _is_repeated(place) else ":" if place.nargs == "?" else ""
        words.append(_zsh_quoted(f"{kind}:{place.label}:{_zsh_offer(place)}"))
    return f"        {command.name}) {' '.join(words)} ;;"


def _zsh_flag(flag: Argument) -> str:
    """`'(-p --profile)'{-p,--profile=}'[help]:NAME:action'`, where the names come apart."""
    help_ = flag.help.replace("[", "\\[").replace("]", "\\]")
    value = "" if flag.is_switch else f":{flag.label}:{_zsh_offer(flag)}"
    names = [name + ("=" if value and name.startswith("--") else "") for name in flag.flags]
    if len(names) == 1:
        return _zsh_quoted(f"{names[0]}[{help_}]{value}")
    return f"'({' '.join(flag.flags)})'{{{','.join(names)}}}{_zsh_quoted(f'[{help_}]{value}')}"


def _zsh_offer(argument: Argument) -> str:
    choices = f"({argument.choices})" if argument.choices else " "
    return _offer(argument, "_files", "_tastyauth_profiles", choices)


def _zsh_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_FISH = """\
# which command, and how many words of its own stand before the cursor
function __tastyauth_at -a command place
    set -l found
    set -l count 0
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if contains -- $word @VALUED@
            set skip 1
        else if test "$found" = exec; and test "$word" = --
            set found --
        else if string match -q -- '-*' $word
            continue
        else if test -z "$found"
            set found $word
        else
            set count (math $count + 1)
        end
    end
    test "$found" = "$command"; and test -z "$place" -o "$place" = $count
end

function __tastyauth_profiles
    set -l words (commandline -opc)
    set -l config
    if set -l i (contains -i -- --config $words)
        set config --config $words[(math $i + 1)]
    end
    command $words[1] $config completion fish --profiles 2>/dev/null </dev/null
end

function __tastyauth_program
    set -l words (commandline -opc) (commandline -ct)
    set -l i (contains -i -- -- $words)
    complete -C (string join ' ' -- (string escape -- $words[(math $i + 1)..]))
end

complete -c tastyauth -f
complete -c tastyauth -n '__tastyauth_at --' -a '(__tastyauth_program)'
"""


def fish() -> str:
    """The completions for fish: to be sourced, or in `~/.config/fish/completions`."""
    script = filled(_FISH, VALUED=" ".join(VALUED))
    return script + "".join(f"complete -c tastyauth {each}\n" for each in _fish_rules())


def _fish_rules() -> Iterator[str]:
    for flag in COMMON:
        yield f"-n 'not __tastyauth_at --' {_fish_flag(flag)}"
    for command in COMMANDS.values():
        summary = _fish_quoted(command.summary)
        yield f"-n \"__tastyauth_at ''\" -a {command.name} -d {summary}"
        for flag in command.flags:
            yield f"-n '__tastyauth_at {command.name}' {_fish_flag(flag)}"
        for place, argument in enumerate(command.places):
            here = command.name if _is_repeated(argument) else f"{command.name} {place}"
            if _fish_offer(argument):
                yield f"-n '__tastyauth_at {here}' {_fish_offer(argument)}"


def _fish_flag(flag: Argument) -> str:
    words = [f"-l {name[2:]}" if name[:2] == "--" else f"-s {name[1:]}" for name in flag.flags]
    if not flag.is_switch:
        words += ["-r" if flag.value == "FILE" else "-x", _fish_offer(flag)]
    return " ".join(filter(None, [*words, f"-d {_fish_quoted(flag.help)}"]))


def _fish_offer(argument: Argument) -> str:
    choices = f"-a '{argument.choices}'" if argument.choices else ""
    return _offer(argument, "-F", "-a '(__tastyauth_profiles)'", choices)


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _offer(argument: Argument, files: str, profiles: str, choices: str) -> str:
    """What completes the value of an argument, out of the ways of one shell."""
    if argument.value == "FILE":
        return files
    return profiles if "--profile" in argument.flags else choices


def _is_repeated(argument: Argument) -> bool:
    return argument.nargs in ("*", "+")


FILES: dict[str, Callable[[], str]] = {
    "tastyauth.bash": bash,
    "_tastyauth": zsh,
    "tastyauth.fish": fish,
}
"""What each file beside this one holds."""


if __name__ == "__main__":
    for name, script in FILES.items():
        with open(
            f"{os.path.dirname(os.path.abspath(__file__))}/{name}", "w", encoding="utf-8"
        ) as file:
            file.write(script())
