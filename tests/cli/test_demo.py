"""The demonstration: every step in a real shell, against the simulator; and its ready configs."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from world import COMMAND, World, content


@contextmanager
def simulator(world: World, *words: str) -> Iterator[None]:
    """The running command, which serves."""
    with world.started(COMMAND, "simulator", *words) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield


def test_a_config_is_written_that_is_ready_to_use(world: World) -> None:
    """Again at the next start, whose port is another; with a seed for the same credentials."""
    written = []
    for named in ((), ("simulator.yaml",)):
        with simulator(world, "--seed", "word", "--config", *named):
            line = "eval $(tastyauth env --config simulator.yaml) && echo $TASTYTRADE_API_URL"
            done = world.shell(line)
            assert (done.code, "http://127.0.0.1:" in done.out) == (0, True), done.err
            assert world.run("validate", "simulator.yaml").code == 0
        written.append(re.sub("api_url.*", "", content(f"{world.project}/simulator.yaml")))
    assert written[0] == written[1]


def test_no_other_config_is_written_over(world: World) -> None:
    before = content(world.config)
    done = world.run("simulator", "--config", world.config)
    assert (done.code, "was not made by the simulator" in done.err) == (2, True)
    assert content(world.config) == before


def test_it_shows_a_whole_run_from_start_to_end(world: World) -> None:
    done = world.run("demo")
    assert (done.code, done.err) == (0, "")
    assert "status 0, sandbox at http://127.0.0.1:" in done.out
    assert "\nexport TASTYTRADE_ACCESS_TOKEN=eyJ" in done.out
    assert "\nexport TASTYTRADE_ENV=sandbox\n" in done.out
    assert not re.search("eyJ.{60}", done.out)
    assert "account ...0001" in done.out
    assert "status 77, token: gone" in done.out
    assert done.out.count("invalid_grant, Grant revoked") == 2
    assert "\n$ tastyauth init  " in done.out.rpartition("# your turn")[2]


def test_it_cleans_up_after_itself(world: World) -> None:
    before = sorted(os.listdir(world.home))
    world.run("demo")
    assert os.listdir(f"{world.root}/tmp") == []
    assert sorted(os.listdir(world.home)) == before
