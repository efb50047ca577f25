"""The demonstration: every step in a real shell, against the simulator."""

import os

from world import World


def test_it_shows_the_main_job_from_start_to_end(world: World) -> None:
    done = world.run("demo")
    assert (done.code, done.err) == (0, "")
    assert "status 0, sandbox at http://127.0.0.1:" in done.out
    assert "account ...0001" in done.out
    assert "status 77, token: gone" in done.out
    assert done.out.count("invalid_grant, Grant revoked") == 2


def test_it_cleans_up_after_itself(world: World) -> None:
    before = sorted(os.listdir(world.home))
    world.run("demo")
    assert os.listdir(f"{world.root}/tmp") == []
    assert sorted(os.listdir(world.home)) == before
