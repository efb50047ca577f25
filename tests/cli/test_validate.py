"""The commands that check files, as they are typed."""

import json
import os
import shutil
import stat

import needs
import pytest
from told import EXAMPLES, INVALID, beside
from world import World

pytestmark = pytest.mark.warm

SMALLEST = f"{EXAMPLES}/valid/smallest.yaml"
MISSPELT = f"{EXAMPLES}/invalid/ta101-misspelt-key.yaml"
SECRET = "4d1e0c9b7a52f83e6d0b9c1a7e5f3d2b8a6c4e0f"


def contents(path: str) -> str:
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


@pytest.fixture
def here(world: World) -> World:
    """A world with one valid and one invalid file in the project."""
    shutil.copy(SMALLEST, f"{world.project}/good.yaml")
    shutil.copy(MISSPELT, world.project)
    return world


def test_a_valid_file_is_passed_in_silence(here: World) -> None:
    done = here.run("validate", "good.yaml")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_verbose_names_the_files_that_passed(here: World) -> None:
    done = here.run("validate", "-v", "good.yaml")
    assert (done.code, done.out, done.err) == (0, "", "tastyauth: good.yaml: valid\n")


def test_an_invalid_file_is_reported_on_stdout_and_ends_with_1(here: World) -> None:
    done = here.run("validate", "ta101-misspelt-key.yaml")
    assert (done.code, done.out, done.err) == (1, contents(beside(MISSPELT)), "")


def test_several_files_are_all_judged(here: World) -> None:
    done = here.run("validate", "good.yaml", "ta101-misspelt-key.yaml", "good.yaml")
    assert done.code == 1
    assert done.out == contents(beside(MISSPELT))


def test_warnings_alone_do_not_fail(here: World) -> None:
    here.write(f"{here.project}/crlf.yaml", contents(SMALLEST).replace("\n", "\r\n"))
    done = here.run("validate", "crlf.yaml")
    assert done.code == 0
    assert "warning[TA016]" in done.out


def test_a_config_is_judged_whatever_it_is_called(here: World) -> None:
    os.rename(f"{here.project}/ta101-misspelt-key.yaml", f"{here.project}/notes.txt")
    assert here.run("validate", "notes.txt").code == 1


def test_stdin_is_a_file_as_well(here: World) -> None:
    assert here.run("validate", "-", given=contents(SMALLEST)).code == 0
    done = here.run("validate", "-", given="version: 2\n")
    assert done.code == 1
    assert " --> <stdin>:1:10\n" in done.out


def test_without_a_file_the_config_that_would_be_found_is_judged(here: World) -> None:
    assert here.run("validate").code == 0
    here.write(here.config, "version: 2\n")
    done = here.run("validate")
    assert done.code == 1
    assert " --> ~/.config/tastyauth/tastyauth.yaml:1:10\n" in done.out


def test_a_project_config_needs_no_approval_to_be_judged(here: World) -> None:
    here.write(f"{here.project}/tastyauth.yaml", "version: 2\n")
    done = here.run("validate")
    assert done.code == 1
    assert " --> tastyauth.yaml:1:10\n" in done.out


def test_the_config_flag_names_the_file_as_well(here: World) -> None:
    assert here.run("--config", "good.yaml", "validate", "-v").err.endswith("good.yaml: valid\n")


def test_nothing_to_judge_is_66(here: World) -> None:
    os.remove(here.config)
    assert here.run("validate").code == 66


@pytest.mark.parametrize("name", ["missing.yaml", "directory", "not/a/directory"])
def test_a_file_that_cannot_be_read_is_66_and_the_others_are_judged(here: World, name: str) -> None:
    os.mkdir(f"{here.project}/directory")
    done = here.run("validate", name, "ta101-misspelt-key.yaml")
    assert done.code == 66
    assert done.out == contents(beside(MISSPELT))
    assert name in done.err


def test_json_is_one_object_about_all_files(here: World) -> None:
    done = here.run("validate", "--format", "json", "good.yaml", "ta101-misspelt-key.yaml")
    content = json.loads(done.out)
    assert done.code == 1
    assert [(file["path"], file["valid"]) for file in content["files"]] == [
        ("good.yaml", True),
        ("ta101-misspelt-key.yaml", False),
    ]
    assert [problem["code"] for problem in content["problems"]] == ["TA101"]


def test_github_gets_annotations(here: World) -> None:
    done = here.run("validate", "--format", "github", "ta101-misspelt-key.yaml")
    assert done.code == 1
    assert done.out.startswith("::error file=ta101-misspelt-key.yaml,line=6,col=5,")


def test_an_unknown_format_is_a_usage_error(here: World) -> None:
    assert here.run("validate", "--format", "sarif", "good.yaml").code == 2


def test_colours_come_when_they_are_asked_for(here: World) -> None:
    assert "\x1b[" in here.run("validate", "--color", "always", "ta101-misspelt-key.yaml").out
    assert "\x1b[" not in here.run("validate", "ta101-misspelt-key.yaml").out


def test_home_is_shown_as_a_tilde(here: World) -> None:
    here.write(f"{here.home}/x.yaml", "version: 2\n")
    for output in ("human", "json", "github"):
        done = here.run("validate", "--format", output, f"{here.home}/x.yaml")
        assert "~/x.yaml" in done.out
        assert here.home not in done.out


def test_a_file_of_the_project_is_shown_from_there(here: World) -> None:
    done = here.run("validate", f"{here.project}/ta101-misspelt-key.yaml")
    assert done.out == contents(beside(MISSPELT))


def test_a_file_name_forges_no_line(here: World) -> None:
    name = "a\n::error file=x::forged\x1b[31m.yaml"
    here.write(f"{here.project}/{name}", "version: 2\n")
    for output in ("human", "github"):
        done = here.run("validate", "--format", output, name)
        assert "\n::error file=x" not in f"\n{done.out}"
        assert "\x1b" not in done.out


def test_a_secret_in_a_file_name_is_not_shown(here: World) -> None:
    done = here.run("validate", f"{SECRET}.yaml")
    assert done.code == 66
    assert SECRET[:6] not in done.out + done.err


def test_no_secret_is_touched_and_nothing_is_run(here: World) -> None:
    """The files that references name may be missing, and the programs may be traps."""
    here.script("trap", "touch ~/sprung")
    here.write(
        f"{here.project}/tastyauth.yaml",
        "version: 1\nprofiles:\n  a:\n    environment: sandbox\n"
        "    client_id: { command: [trap] }\n"
        "    client_secret: { file: missing }\n"
        "    refresh_token: { first_of: [{ env: MISSING }, { command: [~/bin/trap] }] }\n",
    )
    assert here.run("validate").code == 0
    assert not os.path.exists(f"{here.home}/sprung")


# no-secrets


def test_other_files_are_searched_for_secrets(here: World) -> None:
    here.write(f"{here.project}/.env", f"# mine\nTT_SECRET={SECRET}\nTT_URL=x\n")
    done = here.run("no-secrets", ".env", "good.yaml")
    assert done.code == 1
    assert " --> .env:2:11\n" in done.out
    assert "2 | TT_SECRET=[hidden]\n" in done.out
    assert SECRET[:6] not in done.out


def test_a_file_without_secrets_is_passed_in_silence(here: World) -> None:
    here.write(f"{here.project}/package.lock", f'"integrity": "{SECRET}"\n')
    done = here.run("no-secrets", "package.lock")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_file_that_is_called_like_a_config_is_searched_like_one(here: World) -> None:
    here.write(f"{here.project}/tastyauth.yaml", f"# {SECRET}\n")
    assert here.run("no-secrets", "tastyauth.yaml").code == 1
    here.write(f"{here.project}/other.yaml", f"# {SECRET}\n")
    assert here.run("no-secrets", "other.yaml").code == 0


def test_any_encoding_is_searched(here: World) -> None:
    for encoding in ("utf-16", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"):
        with open(f"{here.project}/wide.txt", "wb") as file:
            file.write(f"secret {SECRET}\n".encode(encoding))
        assert here.run("no-secrets", "wide.txt").code == 1, encoding
    with open(f"{here.project}/latin-1.txt", "wb") as file:
        file.write(b"caf\xe9 \x00 secret " + SECRET.encode())
    assert here.run("no-secrets", "latin-1.txt").code == 1


def test_no_secrets_needs_a_file_that_it_can_read(here: World) -> None:
    assert here.run("no-secrets").code == 2
    assert here.run("no-secrets", "missing").code == 66


def test_a_file_called_after_a_secret_may_hold_nothing_else(here: World) -> None:
    """The one that `init` writes, committed by mistake."""
    for name, code in (("live.client-secret", 1), ("live.commit", 0)):
        here.write(f"{here.project}/{name}", f"{SECRET}\n")
        assert here.run("no-secrets", name).code == code


@pytest.mark.parametrize("command", ["validate", "no-secrets"])
def test_a_fifo_or_a_device_is_66_at_once(here: World, command: str) -> None:
    os.mkfifo(f"{here.project}/fifo")
    done = here.run(command, "fifo", "/dev/zero", "good.yaml")
    assert (done.code, done.out) == (66, "")
    assert "error: cannot read fifo: it is a FIFO" in done.err
    assert "error: cannot read /dev/zero: it is a device" in done.err


def test_a_pipe_of_the_shell_is_a_file_as_well(here: World) -> None:
    """As `<(command)` of bash names one."""
    done = here.shell(f"echo TT_SECRET={SECRET} | tastyauth no-secrets /dev/fd/0")
    assert done.code == 1
    assert " --> /dev/fd/0:1:11\n" in done.out


def test_what_is_too_large_is_not_searched(here: World) -> None:
    with open(f"{here.project}/large", "wb") as file:
        file.truncate(65 << 20)
    done = here.run("no-secrets", "large", "good.yaml")
    assert (done.code, done.out) == (66, "")
    assert "error: large is larger than 64 MiB, and was not searched" in done.err


def test_what_was_found_is_there_for_programs_as_well(here: World) -> None:
    here.write(f"{here.project}/.env", f"TT_SECRET={SECRET}\n")
    done = here.run("no-secrets", "--format", "json", ".env", "good.yaml")
    content = json.loads(done.out)
    assert done.code == 1
    assert [problem["code"] for problem in content["problems"]] == ["TA204"]
    assert [file["valid"] for file in content["files"]] == [False, True]
    done = here.run("no-secrets", "--format", "github", ".env")
    assert done.out.startswith("::error file=.env,line=1,col=11,")
    assert SECRET[:6] not in done.out


def test_an_alarm_says_how_to_allow_the_line(here: World) -> None:
    path = here.write(f"{here.project}/.env", f"TT_SECRET={SECRET}\n")
    done = here.run("no-secrets", ".env")
    assert "leave the file out): tastyauth: allow\n" in done.out
    here.write(path, f"TT_SECRET={SECRET}  # tastyauth: allow\n")
    assert here.run("no-secrets", ".env").code == 0


# schema, explain


def test_the_schema_is_printed_for_editors(here: World) -> None:
    done = here.run("schema")
    assert done.code == 0
    assert json.loads(done.out)["title"] == "tastyauth config"


def test_a_code_is_explained_in_any_case(here: World) -> None:
    done = here.run("explain", "ta103")
    assert done.code == 0
    assert done.out.startswith("TA103: several sources\n\n")


def test_an_exit_code_is_explained(here: World) -> None:
    assert here.run("explain", "75").out.startswith("75: temporary failure\n")


def test_without_a_code_all_are_listed(here: World) -> None:
    lines = here.run("explain").out.splitlines()
    assert "TA001  not UTF-8" in lines
    assert len(lines) > 50


def test_an_unknown_code_is_a_usage_error_and_not_repeated(here: World) -> None:
    done = here.run("explain", SECRET)
    assert done.code == 2
    assert SECRET not in done.err


# The hooks for pre-commit


def test_the_hooks_call_commands_that_exist(here: World) -> None:
    import yaml

    with open(f"{os.path.dirname(os.path.dirname(EXAMPLES))}/.pre-commit-hooks.yaml") as file:
        hooks = yaml.safe_load(file)
    assert [hook["id"] for hook in hooks] == ["tastyauth-validate", "tastyauth-no-secrets"]
    for hook in hooks:
        assert hook["language"] == "python"
        program, command = hook["entry"].split()
        assert program == "tastyauth"
        assert here.run(command, "good.yaml").code == 0


def test_unreadable_permissions_are_reported(here: World) -> None:
    path = here.write(f"{here.project}/closed.yaml", "version: 1\n")
    os.chmod(path, 0)
    needs.is_user()
    done = here.run("validate", "closed.yaml")
    os.chmod(path, stat.S_IRUSR)
    assert done.code == 66
    assert "permission denied" in done.err


def test_the_invalid_examples_end_with_1(here: World) -> None:
    assert here.run("validate", *INVALID).code == 1


@pytest.mark.parametrize("command", ["validate", "no-secrets"])
def test_what_is_not_there_to_be_read_has_not_passed(command: str, world: World) -> None:
    done = world.shell(f"tastyauth {command} - <&-")
    assert (done.code, "it is closed" in done.err) == (66, True)
