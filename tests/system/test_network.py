"""Guests and dom0 on the network: addresses, names, files from outside and back, interfaces that come
and go.  `make matrix` does it with larger files."""
import re

import pytest

from machine import SETTLED, free_kib, run_script
from outside import Outside

MIB = 4


@pytest.fixture
def outside():
    server = Outside(MIB)
    yield server
    server.close()


def in_demo(command, expect, timeout=120):
    return f'vmctl console demo --send "{command}" --expect "{expect}" --timeout {timeout}'


def there_and_back(outside, host):
    """A guest downloads a file, and sends it back while it comes: by busybox's tee and nc, a KiB at a time."""
    return in_demo(f"rm -f /tmp/fifo; mkfifo /tmp/fifo; sha256sum < /tmp/fifo & wget -q -O - http://{host}:{outside.port}/big | tee /tmp/fifo | "
                   f"nc {host.strip('[]')} {outside.stream_port}; wait; echo sent", "^sent", 400)


def straight_back(outside, host):
    """The same without anything between: what wget writes goes into the connection, 10 times as fast."""
    return in_demo(f"nc {host.strip('[]')} {outside.stream_port} -e wget -q -O - "
                   f"http://{host}:{outside.port}/big; echo sent", "^sent", 400)


@pytest.mark.parametrize("nic", ["virtio", "e1000", pytest.param("e1000e", marks=pytest.mark.seldom)])  # QEMU 7.2 has no igb
def test_a_guest_and_dom0_reach_the_outside(nic, outside, tmp_path):
    files_there_and_back(nic, outside, tmp_path, MIB, there_and_back)


def files_there_and_back(nic, outside, tmp_path, mib, way):
    result = run_script(tmp_path, "paravane", [
        'vmctl console demo --expect "demo: eth0 has 10.0.2" --timeout 60',
        in_demo("ping -c 3 10.0.2.2", "3 packets received"),
        in_demo("sleep 2; ip -6 addr show dev eth0 scope site", "fec0::"),
        way(outside, "10.0.2.2"),
        way(outside, "[fec0::2]"),
        "ip addr",
        "ping -c 2 10.0.2.2",
        "ping -6 -c 2 fec0::2",
        f"fetch http://10.0.2.2:{outside.port}/big /tmp/big --sha256 {outside.digest}",
        f"fetch --put /tmp/big http://[fec0::2]:{outside.port}/big",
        "vmctl network-list demo",
        "vmctl bridge-show xenbr0",
        "vmctl shutdown -w demo",
    ], NETIF=nic, DOM0_MEM=384 + 2 * mib, MEM=2560, TIMEOUT=220 + 4 * mib).ok()
    if way == there_and_back:
        assert result.output.count(f"{outside.digest}  -") == 2, result.tail() # the guest's own sums
    assert outside.wait_for(3, 10) == [outside.digest] * 3


@pytest.mark.parametrize("nic", ["virtio"])
def test_dom0_on_xen(nic, outside, tmp_path):
    """The same dom0 on Xen: Linux's frontend with our backend there."""
    run_script(tmp_path, "xen", [
        'vmctl console demo --expect "demo: eth0 has 10.0.2" --timeout 60',
        there_and_back(outside, "10.0.2.2"),
        f"fetch http://10.0.2.2:{outside.port}/big --discard --sha256 {outside.digest}",
        "vmctl shutdown -w demo",
    ], NETIF=nic).ok()
    assert outside.wait_for(1, 10) == [outside.digest]


def store_names(result, which):
    """The store's nodes, but for errors that frontends report: one that is told to go while it connects."""
    names, path = [], []
    for spaces, name in re.findall(r"^( *)(\S+) =", result.of("xenstore-ls", which), re.M):
        path[len(spaces):] = [name]
        names.append("/".join(path))
    return [name for name in names if not re.match(r"local/domain/\d+/error(/|$)", name)]


@pytest.mark.seldom_on_xen
def test_interfaces_come_and_go_under_load(hv, outside, tmp_path):
    """A hundred times, while the guest's first interface is busy; then all is as before."""
    turns = []
    for i in range(100):
        turns += ["vmctl network-attach demo mac=00:16:3e:00:00:77", "vmctl network-detach demo 1"]
    result = run_script(tmp_path, hv, [
        'vmctl console demo --expect "demo: eth0 has 10.0.2" --timeout 60',
        in_demo("(while wget -q -O /dev/null http://10.0.2.2:%d/big; do :; done) & true" % outside.port, "#"),
        "vmctl network-attach demo", "vmctl network-detach demo 1",
        *SETTLED, "xenstore-ls", *turns, *SETTLED, "xenstore-ls",
        in_demo("ping -c 2 10.0.2.2", "2 packets received"),
        "vmctl network-list demo",
        *(["vmctl audit"] if hv == "paravane" else []),
        "vmctl shutdown -w demo", "vmctl list",
    ]).ok()
    assert store_names(result, 0) == store_names(result, 1)
    assert "00:77" not in result.of("vmctl network-list demo")
    # The guest's grant table may have grown: three frames for each of its pages.  What each turn
    # would lose is a hundred times as much as it is.
    lost = free_kib(result, 0) - free_kib(result, 1)
    assert -24 <= lost <= (24 if hv == "paravane" else 256), result.tail()


def test_bridges_and_what_is_refused(tmp_path):
    result = run_script(tmp_path, "paravane", [
        "vmctl bridge-create lan",
        "! vmctl bridge-create lan",
        "! vmctl bridge-create bad/name",
        "! vmctl bridge-create other uplink=eth7",
        "vmctl destroy demo",
        "vmctl create /etc/vmctl/demo.cfg 'vif=[\"bridge=lan\"]'",
        "! vmctl bridge-delete lan",
        "! vmctl network-attach demo bridge=nowhere",
        "! vmctl network-attach demo mac=1",
        "! vmctl network-attach 0",
        "vmctl network-attach demo bridge=lan,mac=00:16:3e:00:00:77,vlan=5",
        "! vmctl network-attach demo bridge=lan,mac=00:16:3E:00:00:77",
        "vmctl network-attach demo bridge=lan,mac=00:16:3e:00:00:77,vlan=6",
        "! vmctl network-attach demo bridge=xenbr0,mac=52:54:00:12:34:56",
        "! vmctl network-detach demo 5",
        "vmctl bridge-list --json",
        "vmctl destroy demo",
        "vmctl bridge-delete lan",
        "! vmctl bridge-delete lan",
        "! vmctl bridge-show lan",
    ]).ok()
    assert result.json("vmctl bridge-list --json") == [{"name": "lan", "uplink": ""},
                                                       {"name": "xenbr0", "uplink": "eth0"}]
    for message in ("lan: there is such a bridge already", "bad/name: not a usable name",
                    "uplink eth7: No such device", "lan: in use", "there is no bridge nowhere",
                    "mac: not an address for one interface", "it has no interface 5",
                    "lan: no such bridge", "not for dom0 itself", "on bridge lan already, guest demo has it",
                    "this mac is dom0's own on bridge xenbr0"):
        assert message in result.output, message
