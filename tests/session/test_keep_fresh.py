"""`exec --keep-fresh`: a command that outlives its token, and notices nothing of the renewal."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pexpect
import pytest
from needs import missing, needs_linux
from terminals import spawn
from world import CONFIG, PATH, PYTHON, Completed, World, finish, until, variables_in

from tastyauth.session.keep_fresh import Background
from tastyauth.simulator import Simulator

KEEP = ("exec", "--keep-fresh", "--")
FILE = "TASTYTRADE_ACCESS_TOKEN_FILE"

HASTY = CONFIG + "    timeout: 1\n"
"""A server that fails is given up soon."""

RECORDER = """\
import os, signal, sys, time

def note(number, frame):
    os.write(1, signal.Signals(number).name.encode() + b"\\n")

for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), note)
os.write(1, b"ready\\n")
while True:
    time.sleep(0.1)
    if os.path.exists("end"):
        break
"""
"""A command that says which signals it gets, until there is a file `end`."""


@pytest.fixture
def recorder(world: World) -> str:
    return world.write("recorder.py", RECORDER)


@pytest.fixture
def short() -> Iterator[Simulator]:
    """A broker whose tokens live for 6 seconds."""
    with Simulator(lifetime=6) as simulator:
        yield simulator


@pytest.fixture
def brief(short: Simulator, tmp_path: os.PathLike[str]) -> World:
    """A world with that broker."""
    world = World(os.fspath(tmp_path), short)
    world.configure(HASTY)
    return world


@needs_linux
@pytest.mark.parametrize("mask", ["0", "777"])
def test_a_private_file_holds_the_token_and_is_gone_at_the_end(mask: str, world: World) -> None:
    look = f'stat -c "%a %n" "${FILE}" "${{{FILE}%/*}}"; cat "${FILE}"'
    done = world.shell(f"umask {mask}; tastyauth {' '.join(KEEP)} sh -c '{look}'")
    file, directory, content = done.out.split("\n")
    assert (done.code, done.err) == (0, "")
    assert content == world.run("token").out.rstrip("\n")
    assert file.startswith(f"600 {world.environ['TMPDIR']}/")
    assert directory.startswith("700 ")
    assert os.listdir(world.environ["TMPDIR"]) == []


def test_the_exports_are_there_as_well_and_the_secrets_are_not(world: World) -> None:
    world.configure(CONFIG.replace("{{ file: live.client-secret }}", "{{ env: TT_SECRET }}"))
    variables = variables_in(world.run(*KEEP, "env", TT_SECRET=world.client_secret).out)
    assert variables["TASTYTRADE_ACCESS_TOKEN"].startswith("eyJ")
    assert FILE in variables
    assert "TT_SECRET" not in variables


@pytest.mark.parametrize(("mode", "used"), [(0o700, True), (0o755, False), (None, False)], ids=str)
def test_the_runtime_directory_is_used_when_it_is_private(
    mode: int | None, used: bool, world: World
) -> None:
    runtime = f"{world.root}/runtime"
    if mode is not None:
        os.mkdir(runtime)
        os.chmod(runtime, mode)
    done = world.run(*KEEP, "printenv", FILE, XDG_RUNTIME_DIR=runtime)
    assert done.out.startswith(f"{runtime}/" if used else f"{world.environ['TMPDIR']}/")
    assert not os.path.exists(done.out.strip())


def test_without_room_for_the_file_the_command_is_not_started(world: World) -> None:
    assert world.run("token").code == 0
    done = world.shell(f"ulimit -f 0; tastyauth {' '.join(KEEP)} mkdir started")
    assert (done.code, done.out) == (74, "")
    assert "the token file cannot be written" in done.err
    assert os.listdir(world.project) == os.listdir(world.environ["TMPDIR"]) == []


def test_a_client_that_reads_the_file_outlives_several_tokens(brief: World) -> None:
    """curl is answered all the time, with one token after the other."""
    if shutil.which("curl", path=PATH) is None:
        missing("curl is missing; install its package, see tests/e2e/debian-packages.txt")
    client = (
        'i=0; while [ "$i" -lt 30 ]; do i=$((i + 1)); token=$(cat "$TASTYTRADE_ACCESS_TOKEN_FILE");'
        ' curl -s -o /dev/null -w "%{http_code} " -H "Authorization: Bearer $token"'
        ' "$TASTYTRADE_API_URL/customers/me/accounts"; echo "$token"; sleep 0.25; done'
    )
    done = brief.run("exec", "--keep-fresh", "--min-valid", "5", "--", "sh", "-c", client)
    answers = [line.split() for line in done.out.splitlines()]
    assert done.code == 0, done.err  # a machine that stalls for seconds is warned
    assert [code for code, _ in answers] == ["200"] * 30
    assert len({token for _, token in answers}) >= 3


def test_everybody_else_has_the_same_token(world: World) -> None:
    done = world.run(*KEEP, "sh", "-c", f'tastyauth token; cat "${FILE}"')
    outside, inside = done.out.split("\n")
    assert outside == inside
    assert world.simulator.exchanges == 1


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 3"], 3),
        (["./plain"], 126),
        (["no-such-program"], 127),
        (["sh", "-c", "kill -TERM $$"], 143),
        (["sh", "-c", "kill -KILL $$"], 137),
    ],
)
def test_it_ends_as_the_command_ended(argv: list[str], code: int, world: World) -> None:
    world.write(f"{world.project}/plain", "")
    done = world.run(*KEEP, *argv)
    assert done.code == code
    assert ("cannot start" in done.err) == (code in (126, 127))
    assert os.listdir(world.environ["TMPDIR"]) == []


@pytest.mark.parametrize(
    ("words", "code"), [(("exec", "--keep-fresh"), 2), ((*KEEP, "touch", "started"), 77)]
)
def test_without_a_command_or_a_token_nothing_is_started(
    words: tuple[str, ...], code: int, world: World
) -> None:
    world.simulator.fail = "grant-revoked"
    assert world.run(*words).code == code
    assert os.listdir(world.project) == []
    assert os.listdir(world.environ["TMPDIR"]) == []


def test_a_closed_pipe_ends_the_command_quietly(world: World) -> None:
    command = f"tastyauth {' '.join(KEEP)} yes"
    done = world.shell(f'{command} | head -n 1; echo "${{PIPESTATUS[0]}}"', "bash")
    assert done == Completed(0, "y\n141\n", "")


@needs_linux
@pytest.mark.parametrize("shell", ["sh", "/bin/sh"])
@pytest.mark.parametrize("before", ["", "trap '' HUP INT;", "exec 7</dev/null; ulimit -c 0;"])
def test_the_command_starts_as_from_a_shell(before: str, shell: str, world: World) -> None:
    """Signals (ignored, blocked), limits and open files are the caller's."""
    look = 'grep "^Sig[BIC]" /proc/self/status; ulimit -a; echo /proc/self/fd/*; cat'
    directly = world.shell(f"{before} echo in | {shell} -c '{look}'")
    assert directly.code == 0
    kept = f"tastyauth {' '.join(KEEP)} {shell} -c '{look}'"
    assert world.shell(f"{before} echo in | {kept}") == directly


def test_what_the_command_closes_is_closed(world: World) -> None:
    """The process that renews its token holds no end of its pipes."""
    script = "sh -c 'exec >&-; until [ -e end ]; do sleep 0.1; done'"
    done = world.shell(f"tastyauth {' '.join(KEEP)} {script} | {{ cat; touch end; }}")
    assert done == Completed(0, "", "")


@pytest.mark.parametrize(
    "name", ["TERM", "HUP", "USR1", "USR2", "INT", "QUIT", "TSTP", "WINCH", "CONT"]
)
def test_without_a_terminal_a_signal_is_passed_on(name: str, world: World, recorder: str) -> None:
    command = (sys.executable, recorder, f"SIG{name}")
    argv = ("setsid", "tastyauth", *KEEP, *command)
    with world.started(*argv) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.kill(process.pid, signal.Signals[f"SIG{name}"])
        assert process.stdout.readline() == f"SIG{name}\n".encode()
        world.write(f"{world.project}/end", "")
        assert finish(process) == Completed(0, "", "")


@needs_linux
def test_what_the_caller_ignores_stays_ignored(world: World, recorder: str) -> None:
    look = "grep -c 'SigIgn.*[13579bdf]$' /proc/self/status"
    done = world.shell(f"trap '' HUP; tastyauth {' '.join(KEEP)} sh -c 'kill -HUP $PPID; {look}'")
    assert done == Completed(0, "1\n", "")


def test_a_command_that_ends_by_a_signal_that_was_passed_on_ended_so(world: World) -> None:
    with world.started("tastyauth", *KEEP, "sleep", "60") as process:
        until(lambda: os.listdir(world.environ["TMPDIR"]) != [])
        until(lambda: _children(process.pid) != [])
        process.terminate()
        assert finish(process).code == 143
    assert os.listdir(world.environ["TMPDIR"]) == []


def _children(pid: int) -> list[int]:
    if sys.platform != "linux":
        missing("only Linux tells the children of another process")
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(each) for each in file.read().split()]


def test_a_renewal_that_fails_is_reported_once_and_tried_again(brief: World) -> None:
    """Once while the token is still good, and once when it is not."""
    command = 'until [ -e end ]; do sleep 0.1; done; cat "$TASTYTRADE_ACCESS_TOKEN_FILE"; exit 3'
    with brief.started("tastyauth", *KEEP, "sh", "-c", command) as process:
        until(lambda: brief.simulator.exchanges == 1)
        brief.simulator.fail = "503"
        said = heard(process, "no new token")
        time.sleep(2)  # and more fail
        brief.simulator.fail = None
        said += heard(process, "renewed again")
        token = brief.run("token").out.rstrip("\n")
        brief.write(f"{brief.project}/end", "")
        done = finish(process)
    assert (done.code, done.out, done.err) == (3, token, "")
    assert (said.count("no new token"), said.count("renewed ahead") <= 1) == (1, True)


WAITING = "until [ -e end ]; do sleep 0.1; done"

MOVED = HASTY.replace("live.refresh-token", "moved.refresh-token")
BEGUN_WITH_ANOTHER = (
    "hint: the config has changed since sh was started; sh still uses the old one: restart it"
)


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        (MOVED, BEGUN_WITH_ANOTHER),
        (None, BEGUN_WITH_ANOTHER),
        (HASTY, "hint: store it: tastyauth secret set -p "),
    ],
    ids=["corrected", "gone", "as it was"],
)
def test_who_corrects_the_config_learns_that_it_is_for_the_next_start(
    config: str | None, hint: str, brief: World
) -> None:
    """A running command never gets the token of another config."""
    refresh_token = f"{brief.config_directory}/live.refresh-token"
    with brief.started("tastyauth", *KEEP, "sh", "-c", WAITING) as process:
        until(lambda: brief.simulator.exchanges == 1)
        brief.configure(config or HASTY)
        os.rename(refresh_token, refresh_token.replace("live", "moved"))
        if config is None:
            os.unlink(brief.config)
        said = heard(process, "hint: ")
        brief.write(f"{brief.project}/end", "")
        finish(process)
    assert hint in said


def test_an_outage_is_no_reason_to_start_again(brief: World) -> None:
    """However the config has changed, it ends by itself."""
    with brief.started("tastyauth", *KEEP, "sh", "-c", WAITING) as process:
        until(lambda: brief.simulator.exchanges == 1)
        brief.configure(MOVED)
        brief.simulator.fail = "503"
        said = heard(process, "hint: ")
        brief.write(f"{brief.project}/end", "")
        finish(process)
    assert "restart it" not in said


def test_a_new_token_that_cannot_be_written_is_reported(brief: World) -> None:
    with brief.started("tastyauth", *KEEP, "sh", "-c", WAITING) as process:
        until(lambda: os.listdir(brief.environ["TMPDIR"]) != [])
        until(lambda: len(_children(process.pid)) == 1)
        (directory,) = os.listdir(brief.environ["TMPDIR"])
        shutil.rmtree(f"{brief.environ['TMPDIR']}/{directory}")
        said = heard(process, "it cannot be written")
        brief.write(f"{brief.project}/end", "")
        finish(process)
    assert said.endswith("it cannot be written: no such file or directory\n")


def heard(process: "subprocess.Popen[bytes]", words: str) -> str:
    """What a process has written to stderr up to the line with these words."""
    assert process.stderr is not None
    said = ""
    while words not in said:
        line = process.stderr.readline().decode()
        assert line, said
        said += line
    return said


@pytest.fixture
def hanging(brief: World) -> "Iterator[subprocess.Popen[bytes]]":
    """A running command whose token is being renewed by a server that does not answer."""
    brief.configure(CONFIG + "    timeout: 120\n")
    command = "trap 'echo got it; exit 4' USR1; echo $$; until [ -e end ]; do sleep 0.1; done"
    words = ("exec", "--keep-fresh", "--min-valid", "5", "--", "sh", "-c", command)
    with brief.started("tastyauth", *words) as process:
        until(lambda: brief.simulator.exchanges == 1)
        brief.simulator.fail = "slow"
        brief.token_requested(1)
        yield process
        brief.write(f"{brief.project}/end", "")


def test_a_server_that_hangs_keeps_neither_a_signal_nor_the_end_waiting(
    hanging: "subprocess.Popen[bytes]",
) -> None:
    hanging.send_signal(signal.SIGUSR1)
    done = finish(hanging)
    assert (done.code, done.out.split("\n", 1)[1]) == (4, "got it\n")
    short = "warning: live, custom: the new token has less time left than you asked for"
    assert done.err in ("", f"tastyauth: {short}\n")  # the machine may halt during the exchange


def test_what_a_terminal_sends_does_not_reach_a_renewal_and_term_ends_it(
    hanging: "subprocess.Popen[bytes]",
) -> None:
    assert hanging.stdout is not None
    command = int(hanging.stdout.readline())
    (renewal,) = {*_children(hanging.pid)} - {command}
    assert os.getsid(renewal) != os.getsid(hanging.pid)
    os.kill(renewal, signal.SIGTERM)
    until(lambda: renewal not in _children(hanging.pid))


@pytest.fixture(params=["exec", "exec --keep-fresh"])
def terminal(request: pytest.FixtureRequest, world: World, recorder: str) -> pexpect.spawn:
    """A shell with job control on a terminal, in which the recorder has been started."""
    shell = _terminal(world)
    command = f"{PYTHON} {recorder} SIGINT SIGQUIT SIGWINCH"
    shell.sendline(f"tastyauth {request.param} -- {command}")
    shell.expect("ready\r\n")
    return shell


def _terminal(world: World) -> pexpect.spawn:
    shell = spawn(world, "bash", "--norc", "--noprofile", PS1="$? prompt> ")
    shell.expect("0 prompt> ")
    return shell


def test_one_key_is_one_signal(terminal: pexpect.spawn, world: World) -> None:
    terminal.sendintr()
    terminal.expect("SIGINT\r\n")
    terminal.sendcontrol("\\")
    terminal.expect("SIGQUIT\r\n")
    terminal.setwinsize(33, 99)
    terminal.expect("SIGWINCH\r\n")
    world.write(f"{world.project}/end", "")
    terminal.expect("([^>]*)0 prompt> ")
    assert "SIG" not in terminal.match[1]


def test_a_job_is_stopped_and_goes_on(terminal: pexpect.spawn, world: World) -> None:
    for _ in range(2):
        terminal.sendcontrol("z")
        terminal.expect("Stopped")
        terminal.expect("prompt> ")
        terminal.sendline("jobs")
        terminal.expect("Stopped.*tastyauth")
        terminal.expect("prompt> ")
        terminal.sendline("fg")
        terminal.expect("recorder.py")
        terminal.sendintr()
        terminal.expect("SIGINT\r\n")
    world.write(f"{world.project}/end", "")
    terminal.expect("0 prompt> ")


@pytest.mark.parametrize("name", ["INT", "QUIT", "USR1", "WINCH"])
def test_on_a_terminal_kill_reaches_the_command_once(
    name: str, world: World, recorder: str
) -> None:
    """A terminal would have sent it to the command itself."""
    shell = _terminal(world)
    command = f"{PYTHON} {recorder} SIG{name}"
    shell.sendline(f"tastyauth exec --keep-fresh -- {command} &")
    shell.expect("ready\r\n")
    shell.sendline(f"kill -{name} $!")
    shell.expect(f"SIG{name}\r\n")
    world.write(f"{world.project}/end", "")
    shell.sendline("wait $!")
    shell.expect("([^>]*)0 prompt> ")
    said = shell.match[1].replace(f"recorder.py SIG{name}", "")  # of bash: the job is done
    assert "SIG" not in said


SLOW = """\
import os, signal, sys, time

kill = os.kill


def late(pid, number):
    if number == signal.SIGCONT:
        time.sleep(0.5)
    kill(pid, number)


os.kill = late
from tastyauth._entry import main

main()
"""
"""tastyauth on a machine that is slow when it passes on what continues a job."""


def test_a_job_that_goes_on_can_be_stopped_again_at_once(world: World) -> None:
    """To continue it once more would undo that."""
    shell = _terminal(world)
    slow = world.write("slow.py", SLOW)
    # dash cannot be stopped while it starts a program, so this one becomes it
    shell.sendline(f"{PYTHON} {slow} exec --keep-fresh -- sh -c 'echo ready; exec sleep 60'")
    shell.expect("\nready\r\n")
    for _ in range(2):
        shell.sendcontrol("z")
        shell.expect("Stopped")
        shell.expect("prompt> ")
        shell.sendline("fg")
        shell.expect("slow.py")
        time.sleep(0.1)
    shell.sendcontrol("z")
    shell.expect("prompt> ")
    shell.sendline("sleep 1; ps -o stat= -g $(ps -o sid= $$) | grep -c ^S; kill -9 %1")
    shell.expect("\n([0-9]+)\r\n")
    assert int(shell.match[1]) <= 2  # the shell, and grep


def test_work_in_the_background_is_finished_though_its_parent_ends(
    tmp_path: os.PathLike[str],
) -> None:
    done = os.path.join(tmp_path, "done")
    script = (
        "import os, sys, time\n"
        "from tastyauth.session.keep_fresh import Background\n"
        "def work():\n"
        "    time.sleep(0.3)\n"
        "    open(sys.argv[1], 'x').close()\n"
        "    return b'x' * 1000000\n"
        "Background(work, ())\n"
        "os._exit(0)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script, done], capture_output=True, timeout=300, check=True
    )
    assert (process.stdout, process.stderr) == (b"", b"")
    assert not os.path.exists(done)
    until(lambda: os.path.exists(done))


@pytest.mark.parametrize("answer", [b"", b"short", b"long" * 100_000])
def test_work_in_the_background_is_answered_whole(answer: bytes) -> None:
    assert _answered(Background(lambda: answer, ())) == answer


def test_work_that_fails_has_no_answer() -> None:
    assert _answered(Background(lambda: bytes(1 // 0), ())) == b""


def _answered(work: Background) -> bytes:
    while (answer := work.read()) is None:
        time.sleep(0.01)
    return answer
