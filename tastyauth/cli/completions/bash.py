"""Completions for bash, from 3.2 on, with or without the bash-completion package."""

from collections.abc import Iterator

from tastyauth.cli.synopsis import Argument, CommandLine
from tastyauth.shells.template import filled

_SCRIPT = """\
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


def bash(line: CommandLine) -> str:
    """The script."""
    commands = " ".join(command.name for command in line.commands)
    return filled(
        _SCRIPT,
        VALUED=" | ".join(line.valued),
        VALUES="\n".join(_values(line)),
        PLACES="\n".join([f"                ' 0') words='{commands}' ;;", *_places(line)]),
        COMMON=_names(line.common),
        FLAGS="\n".join(
            f"                    {command.name}) words+=' {_names(command.flags)}' ;;"
            for command in line.commands
            if command.flags
        ),
    )


def _values(line: CommandLine) -> Iterator[str]:
    for flag in line.common:
        yield from _flag("*' {}'", flag)
    for command in line.commands:
        for flag in command.flags:
            yield from _flag(f"'{command.name} {{}}'", flag)


def _flag(pattern: str, flag: Argument) -> Iterator[str]:
    if flag.value:
        patterns = " | ".join(pattern.format(name) for name in flag.flags)
        yield f"        {patterns}) {_offer(flag)} ;;"


def _places(line: CommandLine) -> Iterator[str]:
    for command in line.commands:
        for place, argument in enumerate(command.places):
            number = "*" if argument.repeated else place
            pattern = f"'{command.name} '*" if number == "*" else f"'{command.name} {number}'"
            if _offer(argument) != ":":
                yield f"                {pattern}) {_offer(argument)} ;;"


def _offer(argument: Argument) -> str:
    if argument.choices:
        return f"words='{' '.join(argument.choices)}'"
    if argument.is_file:
        return "kind=files"
    return "kind=profiles" if argument.is_profile else ":"


def _names(flags: tuple[Argument, ...]) -> str:
    return " ".join(name for flag in flags for name in flag.flags)
