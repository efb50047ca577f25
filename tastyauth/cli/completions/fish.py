"""Completions for fish: to be sourced, or put into `~/.config/fish/completions/tastyauth.fish`."""

from collections.abc import Iterator

from tastyauth.cli.synopsis import Argument, CommandLine
from tastyauth.shells.template import filled

_SCRIPT = """\
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


def fish(line: CommandLine) -> str:
    """The script."""
    script = filled(_SCRIPT, VALUED=" ".join(line.valued))
    return script + "".join(f"complete -c tastyauth {each}\n" for each in _rules(line))


def _rules(line: CommandLine) -> Iterator[str]:
    for flag in line.common:
        yield f"-n 'not __tastyauth_at --' {_flag(flag)}"
    for command in line.commands:
        yield f"-n \"__tastyauth_at ''\" -a {command.name} -d {_quoted(command.summary)}"
        for flag in command.flags:
            yield f"-n '__tastyauth_at {command.name}' {_flag(flag)}"
        for place, argument in enumerate(command.places):
            here = f"{command.name}" if argument.repeated else f"{command.name} {place}"
            offer = _offer(argument)
            if offer:
                yield f"-n '__tastyauth_at {here}' {offer}"


def _flag(flag: Argument) -> str:
    names = " ".join(
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in flag.flags
    )
    value = f" {'-r' if flag.is_file else '-x'} {_offer(flag)}".rstrip() if flag.value else ""
    return f"{names}{value} -d {_quoted(flag.help)}"


def _offer(argument: Argument) -> str:
    if argument.choices:
        return f"-a '{' '.join(argument.choices)}'"
    if argument.is_file:
        return "-F"
    return "-a '(__tastyauth_profiles)'" if argument.is_profile else ""


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
