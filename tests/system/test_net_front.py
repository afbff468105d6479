"""Our net frontend with our backend, on both hypervisors: the guest is tests/net-guest.  Linux's
backend is the matter of tests/matrix."""
import re

import pytest

import net_guest
from machine import SETTLED, nodes, run_script, same_memory
from outside import Outside

MIB = 16
# What the frontend keeps back.
KINDS = [("all", ""), ("one-queue", "netfront=queues=1,no-split"), ("no-tso", "netfront=no-tso"),
         ("no-checksum", "netfront=no-checksum,queues=2"),
         ("plain", "netfront=no-sg,no-checksum6,queues=1")]
MAC = "00:16:3e:11:22:33"


def extra(folder, **configs):
    (folder / "extra").mkdir()
    (folder / "extra/net-guest.gz").write_bytes(net_guest.image())
    for name, text in configs.items():
        (folder / "extra" / f"{name}.cfg").write_text(text)
    return folder / "extra"


def started(name):
    return [f"vmctl create /extra/{name}.cfg",
            f'vmctl console {name} --expect "net-guest: address" --timeout 40']


def audit(hv):
    return ["vmctl audit"] if hv == "paravane" else []


def taken(result, name, mib, digest):
    log = result.of(f"cat /var/log/xen/console/guest-{name}.log")
    assert f"net-guest: taken {mib << 20} bytes {digest}" in log, log
    assert "stopped" not in log, log


def test_there_and_back(hv, tmp_path):
    """Pings, and files both ways, whatever the frontend keeps back of what it can."""
    digest, lines, configs = net_guest.digest(MIB), [], {}
    for at, (name, words) in enumerate(KINDS):
        address = f"10.0.2.{50 + at}"
        configs[name] = net_guest.config(name, address, words)
        lines += [*started(name), f"ping -c 3 {address}",
                  f"fetch http://{address}/{MIB} /tmp/file --sha256 {digest}",
                  f"fetch --put /tmp/file http://{address}/x",
                  f'vmctl console {name} --expect "net-guest: taken" --timeout 20',
                  f"xenstore-ls /local/domain/{at + 1}/device/vif/0",
                  f"cat /var/log/xen/console/guest-{name}.log",
                  *audit(hv), f"vmctl destroy {name}"]
    result = run_script(tmp_path, hv, lines, EXTRA=extra(tmp_path, **configs), DISK="none",
                        DOM0_MEM=512).ok()
    for name, _ in KINDS:
        taken(result, name, MIB, digest)
    queues = [len(set(re.findall(r"queue-\d", result.of("xenstore-ls", at)))) for at in range(len(KINDS))]
    assert queues == [4, 0, 4, 2, 0]


@pytest.mark.seldom_on_xen
def test_large_packets_between_two(hv, tmp_path):
    """Two of our frontends, MTU 9000, through our backend."""
    digest = net_guest.digest(MIB)
    result = run_script(tmp_path, hv, [
        *started("server"), *started("client"),
        'vmctl console client --expect "net-guest: put" --timeout 60',
        "cat /var/log/xen/console/guest-server.log", "cat /var/log/xen/console/guest-client.log",
        "vmctl bridge-show xenbr0", "vmctl destroy client", "vmctl destroy server",
    ], EXTRA=extra(tmp_path, server=net_guest.config("server", "10.0.2.50", mtu=9000),
                   client=net_guest.config("client", "10.0.2.51", mtu=9000, memory=128, words=(
                       f"fetch=http://10.0.2.50/{MIB} put={MIB},http://10.0.2.50/x"))),
        DISK="none").ok()
    assert f"fetched {MIB << 20} bytes {digest}" in result.of("cat /var/log/xen/console/guest-client.log")
    assert "mtu 9000" in result.of("cat /var/log/xen/console/guest-client.log")
    taken(result, "server", MIB, digest)


@pytest.mark.seldom_on_xen
def test_an_address_by_dhcp(hv, tmp_path):
    """From QEMU's network, as any machine there; and a file from outside."""
    outside = Outside(MIB)
    try:
        config = net_guest.config("guest", "0", f"fetch=http://10.0.2.2:{outside.port}/big")
        result = run_script(tmp_path, hv, [
            *started("guest"), 'vmctl console guest --expect "net-guest: fetched" --timeout 60',
            "cat /var/log/xen/console/guest-guest.log", "vmctl destroy guest",
        ], EXTRA=extra(tmp_path, guest=config.replace("ip=0/24,10.0.2.2", "ip=dhcp")), DISK="none").ok()
    finally:
        outside.close()
    log = result.of("cat /var/log/xen/console/guest-guest.log")
    assert re.search(r"net-guest: address 10\.0\.2\.1[6-9]", log), log
    assert f"net-guest: fetched {MIB << 20} bytes {outside.digest}" in log, log


def test_a_backend_that_goes_and_comes_back(hv, tmp_path):
    """By itself, and when the toolstack takes the interface away and gives it again, under load."""
    there = ["sleep 1", "ping -c 2 10.0.2.50", "fetch --discard http://10.0.2.50/4"]
    closes = ["xenstore-write /local/domain/0/backend/vif/1/0/state 5", *there]
    again = ["vmctl network-detach guest 0", f"vmctl network-attach guest mac={MAC}"]
    config = net_guest.config("guest", "10.0.2.50").replace("bridge=", f"mac={MAC},bridge=")
    result = run_script(tmp_path, hv, [
        *started("guest"), *there, *closes, *closes, *again, *there, *again, *there, *SETTLED,
        *again * 20, *there, *SETTLED,
        "cat /var/log/xen/console/guest-guest.log",
        *audit(hv), "vmctl destroy guest",
    ], EXTRA=extra(tmp_path, guest=config), DISK="none").ok()
    log = result.of("cat /var/log/xen/console/guest-guest.log")
    assert log.count("link down") >= 4 and "stopped" not in log, log
    assert nodes(result, 0) == nodes(result, 1)
    same_memory(hv, result, 0, 1)
