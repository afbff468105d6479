"""Our block frontend with our backend, on both hypervisors: the guest is tests/block-guest.  Linux's
backend, and Linux's frontend with ours, are the matter of tests/matrix."""
import hashlib
import re
import subprocess

import pytest

import block_guest
from machine import SETTLED, nodes, run_script, same_memory

# What the frontend keeps back, and what its line of the link says then.
KINDS = [("all", "", "4 queues of 4 pages, 256 segments"),
         ("one", "queues=1,order=0", "1 queue of 1 page, 256 segments"),
         ("direct", "no-indirect,queues=1", "1 queue of 4 pages, 11 segments"),
         ("many", "order=0,segments=40,no-discard,no-flush", "4 queues of 1 page, 40 segments\n"),
         # Our backend copies nothing, so it keeps nothing mapped.
         ("copied", "persistent,queues=2,order=1", "2 queues of 2 pages, 256 segments.*, persistent\n")]
LOG = "cat /var/log/xen/console/guest-{}.log"
TURNS = 10


def disk(folder, name="disk.img", mib=64):
    subprocess.run(["truncate", "-s", f"{mib}M", folder / name], check=True)
    return folder / name


def extra(folder, **configs):
    (folder / "extra").mkdir()
    (folder / "extra/block-guest.gz").write_bytes(block_guest.image())
    for name, text in configs.items():
        (folder / "extra" / f"{name}.cfg").write_text(text)
    return folder / "extra"


def audit(hv):
    return ["vmctl audit"] if hv == "paravane" else []


def test_what_is_written_is_read(hv, tmp_path):
    """Whatever the frontend keeps back of what it can."""
    lines, configs = [], {}
    for seed, (name, words, _) in enumerate(KINDS):
        configs[name] = block_guest.config(
            name, f"blkfront={words or 'queues=4'} seed={seed + 1} fill={TURNS} discard read")
        lines += [f"vmctl create -q -F /extra/{name}.cfg", LOG.format(name)]
    result = run_script(tmp_path, hv, [*lines, *audit(hv)], EXTRA=extra(tmp_path, **configs),
                        DISK=disk(tmp_path)).ok()
    for name, words, link in KINDS:
        log = result.of(LOG.format(name))
        block_guest.went_well(log, TURNS)
        assert re.search("xvda: " + link, log), log
        assert ("discard: done" in log) == ("discard" not in words), log
    with open(tmp_path / "disk.img", "rb") as image:
        beginning = hashlib.sha256(image.read(1 << 20)).hexdigest()
    assert f"the beginning: {beginning}" in log, log


@pytest.mark.seldom_on_xen
def test_a_backend_that_goes_and_comes_back(hv, tmp_path):
    """By itself, which costs nobody a request; and when the toolstack takes the disk away, in the
    middle of writing: then requests fail until it is given again."""
    console = "vmctl console guest "
    goes_on = [console + '--send c --expect "so far" --timeout 20']
    closes = ["xenstore-write /local/domain/0/backend/vbd/1/51712/state 5", "sleep 0.3", *goes_on]
    again = ["vmctl block-detach guest xvda", "sleep 0.3", "vmctl block-attach guest phy:/dev/vda,xvda,w",
             *goes_on]
    result = run_script(tmp_path, hv, [
        "vmctl create -q /extra/guest.cfg", console + '--expect "ready" --timeout 40', *goes_on,
        *closes, *closes, *closes, *SETTLED, LOG.format("guest"), *again, *SETTLED, *again * 10, *SETTLED,
        console + '--send q --expect "done" --timeout 20', LOG.format("guest"), *audit(hv),
    ], EXTRA=extra(tmp_path, guest=block_guest.config("guest", "blkfront=queues=4 endless")),
        DISK=disk(tmp_path)).ok()
    first, log = result.of(LOG.format("guest")), result.of(LOG.format("guest"), 1)
    assert first.count("xvda: 4 queues") == 4 and "it is dead" not in first, first
    assert " 0 failed, 0 sectors wrong" in first.splitlines()[-1], first
    assert log.count("xvda: 4 queues") == 15 and log.count("it is dead") == 11 and "stopped" not in log, log
    got = block_guest.counts(log)
    assert got["failed"] and not got["wrong"], log
    assert nodes(result, 0) == nodes(result, 1) == nodes(result, 2)
    same_memory(hv, result, 0, 1)
    same_memory(hv, result, 1, 2)


@pytest.mark.seldom_on_xen
def test_a_disk_that_is_another(hv, tmp_path):
    """One that is given again with another size is not the disk it was; the one it was, is."""
    console = "vmctl console guest "
    result = run_script(tmp_path, hv, [
        "vmctl create -q /extra/guest.cfg", console + '--expect "ready" --timeout 40',
        "vmctl block-detach guest xvda", "vmctl block-attach guest phy:/dev/vdb,xvda,w",
        console + '--expect "not the disk it was" --timeout 20', "sleep 0.5",
        "vmctl block-detach guest xvda", "vmctl block-attach guest phy:/dev/vda,xvda,r",
        console + '--expect "not the disk it was" --timeout 20', "sleep 0.5",
        "vmctl block-detach guest xvda", "vmctl block-attach guest phy:/dev/vda,xvda,w",
        console + '--expect "4 queues" --timeout 20',
        console + '--send q --expect "done" --timeout 20', LOG.format("guest"), *audit(hv),
    ], EXTRA=extra(tmp_path, guest=block_guest.config("guest", "endless")),
        DISK=f"{disk(tmp_path)},{disk(tmp_path, 'other.img', 96)}").ok()
    got = block_guest.counts(result.of(LOG.format("guest")))
    assert got["written"] and got["failed"] and not got["wrong"]


@pytest.mark.seldom_on_xen
def test_read_only_and_large_sectors(hv, tmp_path):
    """What the backend says of a disk is what it is."""
    large = disk(tmp_path, "large.img")
    result = run_script(tmp_path, hv, [
        "vmctl create -q -F /extra/large.cfg", LOG.format("large"),
        "vmctl create -q -F /extra/reads.cfg", LOG.format("reads"),
    ], EXTRA=extra(tmp_path, large=block_guest.config("large", f"fill={TURNS}", "phy:/dev/vdb,xvda,w"),
                   reads=block_guest.config("reads", "fill=2 read", "phy:/dev/vda,xvdc,r")),
        DISK=disk(tmp_path),
        QEMU_ARGS=f"-drive if=none,id=large,format=raw,file={large} -device virtio-blk-pci,drive=large,"
                  "serial=large,logical_block_size=4096,physical_block_size=4096").ok()
    log = result.of(LOG.format("large"))
    assert "sectors of 4096 and 4096" in log, log
    block_guest.went_well(log, TURNS)
    log = result.of(LOG.format("reads"))
    assert "xvdc xen-blkfront" in log and "read-only" in log, log
    assert "the beginning: " + hashlib.sha256(bytes(1 << 20)).hexdigest() in log, log
    assert block_guest.counts(log)["failed"] == 26 # and the flushes
