"""A private network: its own loopback, its own names, and one way out that leads nowhere."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from needs import missing

from .parts import program
from .processes import Place

# Whoever sends anything to the outside sends it through `out`, where it is counted and lost. IPv6
# is off there, since the kernel itself says hello with it. The name server is this loopback,
# where none listens. `cat` holds it all until its standard input ends, also when pytest is killed:
# as the first process of a process namespace it takes all others with it.
_BRING_UP = """
ip link set lo up
ip link add out type veth peer name nowhere
for end in out nowhere; do
    echo 1 >/proc/sys/net/ipv6/conf/$end/disable_ipv6
    ip link set $end arp off up
done
ip address add 192.0.2.1/24 dev out
ip route add default via 192.0.2.254
printf 'nameserver 127.0.0.1\\n' >"$0/resolv.conf"
printf 'hosts: files dns\\n' >"$0/nsswitch.conf"
for file in resolv.conf nsswitch.conf; do mount --bind "$0/$file" /etc/$file; done
echo ready
exec cat
"""
_NAMES = 'mount --bind "$0" /etc/hosts && exec "$@"'


@dataclass(frozen=True, slots=True)
class Network:
    """Kernel namespaces that processes can be started in."""

    home: str
    enter: tuple[str, ...]

    def knowing(self, home: str, hosts: Mapping[str, str]) -> Place:
        """A place in this network whose /etc/hosts holds `localhost` and `hosts`, no more."""
        known = {"localhost": "127.0.0.1", **hosts}
        lines = [f"{address} {name}\n" for name, address in known.items()]
        descriptor, path = tempfile.mkstemp(prefix="hosts-", dir=home)
        with open(descriptor, "w", encoding="ascii") as file:
            file.writelines(lines)
        private = ("unshare", "--mount", "--propagation", "private", "sh", "-c", _NAMES, path)
        return Place(home, enter=(*self.enter, *private))

    def packets_out(self) -> int:
        """How many packets were sent to anywhere but the loopback, since the beginning."""
        counted = Place(self.home, enter=self.enter).run_program(
            "ip", "-json", "-s", "link", "show", "out"
        )
        packets = json.loads(counted.out)[0]["stats64"]["tx"]["packets"]
        assert isinstance(packets, int)
        return packets


@contextmanager
def private_network(home: str) -> Iterator[Network]:
    """A new network; everything that runs in it ends with it."""
    if os.geteuid() != 0:
        missing("a private network takes root")
    for name in ("ip", "unshare", "nsenter"):
        program(name)
    unshare = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
    private = (*unshare, "--propagation", "private", "sh", "-eu", "-c", _BRING_UP, home)
    with Place(home).started(*private) as holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        if holder.stdout.readline() != "ready\n":
            missing(f"no private network here: {holder.stderr.read().strip()}")
        kinds = {"mount": "mnt", "net": "net", "pid": "pid_for_children"}
        spaces = (f"--{kind}=/proc/{holder.pid}/ns/{name}" for kind, name in kinds.items())
        yield Network(home, ("nsenter", *spaces, "--"))
