"""The commands that hand out a token: `env`, `token` and `exec`."""

import time

from tastyauth import cache, export, posix, shells
from tastyauth.cli.command import Arguments
from tastyauth.cli.console import Console
from tastyauth.cli.inputs import flags_of, open_session, read_config
from tastyauth.errors import OutputError, UsageError, reason_of


def run_env(arguments: Arguments, console: Console) -> int:
    """Prints the exports of a profile for a shell or in another format."""
    output: str = arguments.format
    if arguments.unset:
        if output not in shells.FAILURE:
            hint = f"one of: {', '.join(shells.FAILURE)}"
            raise UsageError(f"--unset needs the format of a shell, not {output}", hint)
        config, _ = read_config(arguments.config, console, trusted=True)
        console.out(shells.unset(output, config.shell_names()))
        return 0
    session = open_session(arguments, console)
    entry = session.obtain()
    profile = session.profile
    about = f"{profile.name}, {profile.behind}"
    emission = shells.emission(profile, entry.fields, cache.others_names(profile, session.asked))
    if not emission.pairs:
        hint = f"use: tastyauth exec -p {profile.name} -- CMD; or export its access_token"
        raise UsageError(f"{about}: this exports nothing that env may print", hint)
    secret = [name for name, field in profile.exports if field in export.SECRET_FIELDS]
    if secret:
        console.say(f"{about}: left out: {', '.join(secret)}; only exec hands out secrets")
    if output == shells.GITHUB:
        return _run_github(emission, entry.fields, console)
    console.out(shells.RENDER[output](emission))
    if console.stdout_is_terminal:
        # with the same flags, or it would name another profile
        words = f"tastyauth env {flags_of(arguments.profile, arguments.config)}".rstrip()
        meant = shells.for_shell(console.environ.get("SHELL", "")) if output == "sh" else output
        if usage := shells.usage(meant, words):
            console.say(f"this prints the exports; to use them, type: {usage}")
    return 0


def run_token(arguments: Arguments, console: Console) -> int:
    """Prints the access token and a newline, or the header that carries it."""
    entry = open_session(arguments, console).obtain()
    console.out(export.token(entry.fields, header=arguments.header))
    return 0


def run_exec(arguments: Arguments, console: Console) -> int:
    """Becomes CMD, with the exports in its environment and without the variables of the secrets."""
    is_shell = not arguments.argv  # as `aws-vault exec` does without a command
    if is_shell:
        if not (console.interactive and console.stdout_is_terminal):
            raise UsageError("exec needs a command to run", "write: tastyauth exec -- CMD")
        arguments.argv = [console.environ.get("SHELL") or "/bin/sh"]
    from tastyauth.session import without_token  # `env` and `token` need none of it

    session = open_session(arguments, console)
    profile = without_token.outlined(session)
    if arguments.keep_fresh or export.need_token(profile.exports):
        entry = session.obtain()
        profile, fields = session.profile, entry.fields
    else:  # its program starts during an outage, too
        fields = {}
    if export.for_shell(profile.exports) != profile.exports:
        fields = fields | without_token.secret_fields(session)
    removed = profile.variables + cache.others_names(profile, session.asked)
    exports = export.assign(profile.exports, fields)
    if is_shell:
        what = f"exports of {profile.name}, {profile.behind}"
        if "expires_at" in fields:
            end = time.strftime("%H:%M", time.localtime(int(fields["expires_at"])))
            what = f"token of {profile.name}, {profile.behind}, until {end}"
        console.say(f"this shell has the {what}; type exit to leave it")
        if not arguments.config:  # which would have to be named each time
            exports.append(("TASTYAUTH_PROFILE", profile.name))
    if arguments.keep_fresh:
        from tastyauth.cli import keep_fresh

        variables = posix.environment(console.environ, removed, exports)
        return keep_fresh.run(arguments, console, session, entry, variables)
    try:
        posix.become(arguments.argv, console.environ, removed, exports)
    except posix.CannotStart as error:
        if is_shell:
            error.hint = "set $SHELL to a shell that is installed here, or write a command after --"
        raise
    return 0


def _run_github(emission: shells.Emission, fields: dict[str, str], console: Console) -> int:
    """Masks the token first, since any later step may print what is in the file."""
    path = console.environ.get("GITHUB_ENV")
    if not path:
        hint = "this format is for a GitHub Actions step, which sets it"
        raise UsageError("GITHUB_ENV is not set", hint)
    # nothing can be unset there, and what an earlier step has set for another account must not stay
    emptied = "".join(f"{name}=\n" for name in emission.unset if console.environ.get(name))
    console.out(shells.github_masks(emission, fields))
    try:
        with open(path, "a", encoding="ascii") as file:
            file.write(emptied + shells.dotenv(emission))
    except OSError as error:
        what = f"cannot write to $GITHUB_ENV: {reason_of(error)}"
        raise OutputError(what, "check the runner's disk") from None
    return 0
