"""Completions for zsh: to be sourced after `compinit`, or put into `$fpath` as `_tastyauth`."""

from tastyauth.cli.synopsis import Argument, Command, CommandLine
from tastyauth.shells.template import filled

_SCRIPT = """\
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


def zsh(line: CommandLine) -> str:
    """The script."""
    return filled(
        _SCRIPT,
        VALUED="|".join(name for flag in line.common if flag.value for name in flag.flags),
        COMMON="\n".join(f"        {_flag(flag)}" for flag in line.common),
        COMMANDS="\n".join(
            f"        {_quoted(f'{command.name}:{command.summary}')}" for command in line.commands
        ),
        ARGUMENTS="\n".join(_branch(command) for command in line.commands),
    )


def _branch(command: Command) -> str:
    specifications = [_flag(flag) for flag in command.flags]
    specifications += [_place(argument) for argument in command.places]
    return f"        {command.name}) {' '.join(('_arguments -S $common', *specifications))} ;;"


def _flag(flag: Argument) -> str:
    """`'(-p --profile)'{-p,--profile=}'[help]:NAME:action'`, where the names come apart."""
    help_ = flag.help.replace("[", "\\[").replace("]", "\\]")
    value = f":{flag.value}:{_action(flag)}" if flag.value else ""
    names = [name + ("=" if flag.value and name.startswith("--") else "") for name in flag.flags]
    if len(names) == 1:
        return _quoted(f"{names[0]}[{help_}]{value}")
    return f"'({' '.join(flag.flags)})'{{{','.join(names)}}}{_quoted(f'[{help_}]{value}')}"


def _place(argument: Argument) -> str:
    kind = "*" if argument.repeated else ":" if argument.optional else ""
    return _quoted(f"{kind}:{argument.value}:{_action(argument)}")


def _action(argument: Argument) -> str:
    if argument.choices:
        return f"({' '.join(argument.choices)})"
    if argument.is_file:
        return "_files"
    return "_tastyauth_profiles" if argument.is_profile else " "


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
