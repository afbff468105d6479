"""Disks of guests that run: given, shown and taken away, also in the middle of reading and writing."""
import json
import re

import pytest

from machine import SETTLED, nodes, run_script, same_memory

CONSOLE = "vmctl console demo "
READY = CONSOLE + "--expect 'demo:/# $' --timeout 90"
DISK = "phy:PARTLABEL=paravane-scratch,xvdb,w"
# A node that stays where there is no such disk.
NODE = "mknod /root/xvdb b 202 16"
THERE = "while [ $(dd if=/root/xvdb count=1 2>/dev/null | wc -c) != 512 ]; do sleep 0.1; done; "
BUSY = "(while :; do dd if=/dev/zero of=/root/%s bs=256k count=100 conv=fsync; done) >/dev/null 2>&1 &"
TURNS = 100
# What the guest says of devices that went while it looked at them stands in its own folder.
SETTLED_HERE = ["try xenstore-rm /local/domain/1/error", *SETTLED]


def typed(line, answer):
    return f"{CONSOLE} --send '{line}' --expect '{answer}' --timeout 60"


def turns(count):
    """While the guest writes to its root.  (Linux 6.1 never ends what was in flight on a disk that
    goes: its xenwatch stands still from then on; so the disk itself rests as it goes.  And a disk
    that comes back before it has seen the nodes gone it takes for the old one, and waits.)"""
    lines = []
    for turn in range(count):
        use = THERE + f"dd if=/dev/zero of=/root/xvdb bs=1M count=4 conv=fsync; echo t-$?-{turn}"
        lines += ["sleep 0.7"] if turn % 4 == 0 else []
        lines += [f"vmctl block-attach demo {DISK}"]
        lines += [typed(use, f"t-0-{turn}")] if turn % 4 == 0 else []
        lines += ["sleep 0.2"] if turn % 4 == 1 else []
        lines += ["vmctl block-detach demo xvdb"]
    return lines


@pytest.mark.seldom_on_xen
def test_attach_and_detach(hv, tmp_path):
    lines = [
        READY, typed(NODE, "demo:/# $"), "vmctl block-list demo",
        f"vmctl block-attach demo {DISK}", "vmctl block-list --json demo",
        typed(THERE + "dd if=/dev/zero of=/root/xvdb bs=1M count=8 conv=fsync; echo w-$?", "w-0"),
        f"! vmctl block-attach demo {DISK}",
        "! vmctl block-attach demo phy:PARTLABEL=paravane-scratch xvdc w",
        "! vmctl block-attach demo phy:/dev/vdz,xvdc,w",
        "! vmctl block-attach demo phy:/dev/vda2,sheep,w",
        "! vmctl block-attach nobody phy:/dev/vda2,xvdc,w",
        "! vmctl block-attach 0 phy:/dev/vda2,xvdc,w",
        "vmctl block-detach demo xvdb", "! vmctl block-detach demo xvdb",
        "! vmctl block-detach demo 4711", "! vmctl block-detach demo", "sleep 0.7",
        "vmctl block-attach demo phy:PARTLABEL=paravane-scratch xvdb r",
        typed(THERE + "dd if=/dev/zero of=/root/xvdb bs=1M count=1; echo r-$?", "r-1"),
        "vmctl block-detach demo 51728",
        typed(BUSY % "junk", "demo:/# $"), *turns(8), *SETTLED_HERE, *turns(TURNS - 8), *SETTLED_HERE,
        "vmctl block-list demo", typed("echo a-li\\ve", "a-live"),
    ]
    if hv == "paravane":
        lines += ["vmctl audit"]
    result = run_script(tmp_path, hv, lines, TIMEOUT=500).ok()
    assert re.search(r"51712 .*connected.* xvda +/dev/vda1", result.of("vmctl block-list demo"))
    shown = json.loads("[" + result.of("vmctl block-list --json").split("[", 1)[1])
    assert [disk["vdev"] for disk in shown] == ["xvda", "xvdb"]
    assert shown[1]["devid"] == 51728 and shown[1]["mode"] == "w"
    refusals = ("has a disk xvdb already", "in use by guest demo", "No such device",
                "bad device name", "nobody", "not for dom0 itself")
    for number, words in enumerate(refusals):
        assert words in result.of("! vmctl block-attach", number)
    assert "has no disk xvdb" in result.of("! vmctl block-detach")
    assert "has no disk 4711" in result.of("! vmctl block-detach", 1)
    assert "usage" in result.of("! vmctl block-detach", 2)
    assert "xvdb" not in result.of("vmctl block-list demo", 1)
    same_memory(hv, result, 0, 1)
    assert nodes(result, 0) == nodes(result, 1)
    if hv == "paravane":
        assert len(re.findall(" 0 differences", result.of("vmctl audit"))) == 2


@pytest.mark.seldom_on_xen
def test_taken_away_while_it_is_written(hv, tmp_path):
    """Whatever the guest makes of it, dom0 finishes what is in flight and keeps nothing."""
    lines = ["vmctl destroy demo", *SETTLED]
    for way in ("", " --force"):
        lines += ["vmctl create -q /etc/vmctl/demo.cfg", READY, typed("rm -f /root/xvdb; " + NODE, "demo:/# $"),
                  f"vmctl block-attach demo {DISK}", typed(THERE + "echo be-gin", "be-gin"),
                  typed(BUSY % "xvdb", "demo:/# $"), "sleep 1", "vmctl block-detach demo xvdb" + way,
                  "! vmctl block-detach demo xvdb", "lsblk", "vmctl destroy demo", *SETTLED]
    result = run_script(tmp_path, hv, lines, TIMEOUT=500).ok()
    for look in (0, 1):
        scratch = [line for line in result.of("lsblk", look).splitlines() if "vda2" in line]
        assert scratch[0].split()[3] == "-"
    same_memory(hv, result, 1, 2)
    assert nodes(result, 1) == nodes(result, 2)
