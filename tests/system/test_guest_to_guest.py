"""Two guests on one bridge: what one sends the other gets, with several queues and large frames, while
a third one comes and goes."""
import re

import pytest

from machine import PATCHES_ITSELF, SETTLED, run_script, same_memory
from net_guests import config, extra

# Each takes what comes on port 5000 and prints its hash; $send has it send as well.
SCRIPT = """
mkfifo /tmp/silence # whose end never comes: at its end nc would hang up
(while :; do nc -l -p 5000 <> /tmp/silence | sha256sum | sed "s/ .*/ came/"; done) &
echo queues $(ls -d /sys/class/net/eth0/queues/tx-* | wc -l)
echo guest-$ip-up
while :; do
    read -r line
    [ "$line" ] && eval "$line"
done < /dev/console
"""
MIB = 4 # busybox's nc takes about 1 ms a KiB


def say(guest, command, expect, timeout=240):
    return f'vmctl console {guest} --send "{command}" --expect "{expect}" --timeout {timeout}'


# On Xen, too: tests/matrix.
@pytest.mark.parametrize("hypervisor,vcpus,mtu", [
    pytest.param("paravane", 1, 1500, marks=pytest.mark.seldom), ("paravane", 4, 9000)])
def test_bytes_arrive(hypervisor, vcpus, mtu, tmp_path):
    bytes_arrive(hypervisor, vcpus, mtu, tmp_path)


def bytes_arrive(hv, vcpus, mtu, tmp_path):
    vif = f'[ "bridge=lan,mtu={mtu}" ]'
    folder = extra(tmp_path, SCRIPT, {
        "a": config("a", f"net.ip=10.9.0.1 net.mtu={mtu}", vif=vif, vcpus=vcpus),
        "b": config("b", f"net.ip=10.9.0.2 net.mtu={mtu}", vif=vif, vcpus=vcpus),
        "c": config("c", f"net.ip=10.9.0.3 net.mtu={mtu}", vif=vif)})
    send = (f"dd if=/dev/urandom of=/tmp/f bs=1M count={MIB} 2>/dev/null; "
            'sha256sum /tmp/f | sed \'s/ .*/ went/\'; nc 10.9.0.%d 5000 < /tmp/f; echo sent')
    turns = []
    for _ in range(2 if vcpus == 1 else 1):
        turns += ["vmctl create /extra/c.cfg", "vmctl console c --expect guest-10.9.0.3-up --timeout 60",
                  "vmctl destroy c"]
    result = run_script(tmp_path, hv, [
        "try vmctl destroy demo",
        "vmctl bridge-create lan",
        "vmctl create /extra/b.cfg", "vmctl console b --expect guest-10.9.0.2-up --timeout 60",
        "vmctl create /extra/a.cfg", "vmctl console a --expect guest-10.9.0.1-up --timeout 60",
        *SETTLED,
        say("a", send % 2, "went"),
        *turns,
        'vmctl console a --expect "^sent" --timeout 240',
        say("b", send % 1, "went"),
        'vmctl console b --expect "^sent" --timeout 240',
        'vmctl console a --expect "came" --timeout 60',
        "sleep 2",
        "cat /var/log/xen/console/guest-a.log", "cat /var/log/xen/console/guest-b.log",
        *SETTLED,
        "vmctl bridge-show lan",
        *(["vmctl audit"] if hv == "paravane" else []),
        "vmctl destroy a", "vmctl destroy b", "vmctl bridge-delete lan",
    ], EXTRA=folder, **(PATCHES_ITSELF if vcpus > 1 else {})).ok()
    a = result.of("cat /var/log/xen/console/guest-a.log")
    b = result.of("cat /var/log/xen/console/guest-b.log")
    for sender, taker in ((a, b), (b, a)):
        went = re.findall(r"(\w{64}) went", sender)
        assert len(went) == 1 and went == re.findall(r"(\w{64}) came", taker), result.tail()
    assert f"queues {vcpus}" in a
    assert "vif" in result.of("vmctl bridge-show lan")
    same_memory(hv, result, 0, 1)
