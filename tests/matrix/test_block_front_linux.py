"""Our block frontend with Linux's blkback, on Xen with Linux as the initial domain."""
import subprocess

import pytest

import block_guest
import linux_dom0

pytestmark = pytest.mark.xdist_group("linux-dom0-disks") # one machine for all of them

TURNS = 5
# Queues, pages of a ring, indirect requests, persistent grants: all of them, one guest after the other.
KINDS = {f"q{queues}p{1 << order}{'i' if indirect else 'd'}{'k' if kept else 'g'}":
         (queues, order, indirect, kept)
         for queues in (1, 4) for order in (0, 2) for indirect in (True, False) for kept in (False, True)}
FOR_EACH = """
echo "== {name}"
vmctl create /extra/{name}.cfg && said {name} "block-guest: done" 60
cat {log}
vmctl destroy {name}
"""
# blkback closes by itself, and the toolstack takes the disk away and gives it again.
AGAIN = """
echo "== back"
vmctl create /extra/back.cfg && said back "block-guest: ready" 60
id=$(vmctl list | sed -n 's/^back *\\([0-9]*\\) .*/\\1/p')
sleep 1
xenstore-write /local/domain/0/backend/vbd/$id/51712/state 5
sleep 3
vmctl block-detach back xvda
sleep 1
vmctl block-attach back phy:/dev/vda,xvda,w
sleep 3
vmctl console back --send q --expect "block-guest: done" --timeout 20 > /dev/null
cat {log}
vmctl destroy back
"""


def words(queues, order, indirect, kept):
    return f"queues={queues},order={order}{'' if indirect else ',no-indirect'}{',persistent' if kept else ''}"


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("linux")
    subprocess.run(["truncate", "-s", "64M", folder / "disk.img"], check=True)
    extra = {"block-guest.gz": block_guest.image()}
    script = "echo 4 > /sys/module/xen_blkback/parameters/max_queues\n" # else one for each CPU
    for seed, (name, kind) in enumerate(KINDS.items()):
        extra[f"{name}.cfg"] = block_guest.config(
            name, f"blkfront={words(*kind)} seed={seed + 1} fill={TURNS}").encode()
        script += FOR_EACH.format(name=name, log=linux_dom0.LOG.format(name))
    extra["back.cfg"] = block_guest.config("back", "endless").encode()
    script += AGAIN.format(log=linux_dom0.LOG.format("back"))
    return linux_dom0.run(folder, script, extra, 300, DISK=folder / "disk.img",
                          modules=("virtio_pci", "virtio_blk", "xen-blkback"))


@pytest.mark.parametrize("name", KINDS)
def test_linux_blkback(output, name):
    queues, order, indirect, kept = KINDS[name]
    part = output.split(f"== {name}\n")[1].split("\n== ")[0]
    block_guest.went_well(part, TURNS)
    assert f" of {1 << order} page" in part and f"{256 if indirect else 11} segments" in part, part
    assert ("persistent and kept" in part) == kept, part
    assert f"xvda: {queues} queue" in part, part


def test_linux_blkback_goes_and_comes_back(output):
    part = output.split("== back\n")[1]
    got = block_guest.counts(part)
    assert part.count(" segments, flush") >= 3 and "stopped" not in part and not got["wrong"], part
