"""Fixtures of the end-to-end tests. A part that is missing skips a test; in CI it fails it."""

import os
from collections.abc import Iterator

import pytest

from .brokers import Brokers, brokers_in
from .network import Network, private_network
from .processes import Place


@pytest.fixture
def place(tmp_path: os.PathLike[str]) -> Place:
    """This machine, with a scratch home."""
    return Place(os.fspath(tmp_path))


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A private network, which nothing leaves."""
    with private_network(os.fspath(tmp_path_factory.mktemp("network"))) as network:
        yield network


@pytest.fixture(scope="session")
def all_brokers(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    """The private network with the broker's hosts in it."""
    with brokers_in(network, os.fspath(tmp_path_factory.mktemp("brokers"))) as brokers:
        yield brokers


@pytest.fixture
def brokers(all_brokers: Brokers) -> Iterator[Brokers]:
    """The broker's hosts, for one test, which must not send a packet to anywhere else."""
    for name in all_brokers.credentials:
        all_brokers.requests(name)
    before = all_brokers.network.packets_out()
    yield all_brokers
    assert all_brokers.network.packets_out() == before
