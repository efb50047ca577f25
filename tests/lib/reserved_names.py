"""Which names may be exported: upper case, and none that changes how shells and programs behave.

A config names the variables that `eval $(tastyauth env)` sets. A name such as PATH or LD_PRELOAD
would let it run anything, so the JSON Schema refuses these; a test compares it with this list.
"""

import re

# What shells look up, load, run, compute with or set themselves (bash(1), zshparam(1), ksh(1)).
_SHELLS = """
PATH HOME IFS ENV UID EUID GID EGID PPID SECONDS EPOCHSECONDS EPOCHREALTIME RANDOM SRANDOM LINENO
OPTIND OPTARG OPTERR REPLY PWD OLDPWD CDPATH FPATH MANPATH MODULE_PATH MAIL MAILPATH MAILCHECK
SHELL SHELLOPTS SHLVL USER USERNAME LOGNAME GROUPS DIRSTACK FUNCNAME FUNCNEST GLOBIGNORE FIGNORE
EXECIGNORE TIMEFORMAT TIMEFMT TMOUT PIPESTATUS PS1 PS2 PS3 PS4 PROMPT PROMPT2 PROMPT3 PROMPT4
PROMPT_COMMAND PROMPT_DIRTRIM RPROMPT RPS1 RPS2 SPROMPT PSVAR NULLCMD READNULLCMD ZDOTDIR
KEYTIMEOUT WORDCHARS ARGV0 STTY FCEDIT INPUTRC IGNOREEOF COMPREPLY COPROC MAPFILE HOSTNAME HOSTTYPE
MACHTYPE OSTYPE VPATH
"""

# The loader, the C library, the terminal (ld.so(8), resolv.conf(5), locale(7)).
_SYSTEM = """
GCONV_PATH GETCONF_DIR GLIBC_TUNABLES HOSTALIASES LOCALDOMAIN RES_OPTIONS RESOLV_HOST_CONF NIS_PATH
MEMUSAGE SEGFAULT_SIGNALS TERM TERMCAP TERMINFO TERMINFO_DIRS COLUMNS LINES TZ TZDIR LANG LANGUAGE
LOCPATH NLSPATH TMPDIR TMP TEMP POSIXLY_CORRECT CREDENTIALS_DIRECTORY NOTIFY_SOCKET DISPLAY
WAYLAND_DISPLAY XAUTHORITY CI
"""

# What interpreters and tools load or run, where they send things, and whom they believe.
_PROGRAMS = """
EDITOR VISUAL PAGER BROWSER LESS LESSOPEN LESSCLOSE NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS
PERLLIB CLASSPATH JAVA_HOME JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS VIRTUAL_ENV DOTNET_STARTUP_HOOKS
LUA_INIT LUA_PATH LUA_CPATH R_PROFILE PHPRC DENO_DIR MAKEFLAGS MAKEFILES CC CFLAGS NETRC CURL_HOME
CURL_CA_BUNDLE REQUESTS_CA_BUNDLE SSLKEYLOGFILE WGETRC DOCKER_HOST DOCKER_CONFIG KUBECONFIG
"""

REFUSED = frozenset(f"{_SHELLS} {_SYSTEM} {_PROGRAMS}".split())
"""Names that are refused as a whole; below are beginnings and ends of names."""

REFUSED_BEGINNINGS = tuple(
    """
    BASH ZSH LD_ DYLD_ PYTHON PERL5 RUBY GEM_ BUNDLE_ GIT_ SSL_ TASTYAUTH_ LC_ HIST COMP_ MALLOC_
    OPENSSL_ NPM_CONFIG_ PIP_ PIPX_ UV_ POETRY_ CONDA_ CARGO_ SSH_ GPG_ SUDO_ XDG_ DBUS_ SYSTEMD_
    LISTEN_ GITHUB_ RUNNER_ ACTIONS_ CORECLR_
    """.split()  # noqa: SIM905  # forty quoted words read worse
)
REFUSED_ENDS = ("_PROXY",)

VARIABLE_NAME = "^[A-Z][A-Z0-9_]*$"
"""What a variable is called, in an `env` reference and in `exports`: settable in every shell."""


def is_variable_name(name: str) -> bool:
    """Whether every shell can set and read a variable of that name."""
    return re.fullmatch(VARIABLE_NAME, name) is not None


def export_keywords() -> dict[str, object]:
    """Both rules in the keywords of the JSON Schema."""
    beginnings = "|".join(sorted(REFUSED_BEGINNINGS))
    ends = "|".join(REFUSED_ENDS)
    return {
        "pattern": f"^(?!{beginnings}|[A-Z0-9_]*(?:{ends})$)[A-Z][A-Z0-9_]*$",
        "not": {"enum": sorted(REFUSED)},
    }
