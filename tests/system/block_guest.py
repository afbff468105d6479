"""The guest of tests/block-guest: its image, its configs, what it says."""
import re

from machine import BUILD


def image():
    return (BUILD / "tests/block-guest.gz").read_bytes()


def config(name, words="", disk="phy:/dev/vda,xvda,w", memory=96):
    return f"""name = "{name}"
kernel = "/extra/block-guest.gz"
extra = "test {words}"
memory = {memory}
vcpus = 1
disk = [ "{disk}" ]
on_poweroff = "destroy"
on_crash = "destroy"
"""


def counts(log):
    """What its last line of counts says, as a dictionary; it has to be the one at the end."""
    found = re.findall(r"block-guest: done (\d+) written (\d+) read (\d+) sectors (\d+) flushes, "
                       r"(\d+) failed, (\d+) sectors wrong", log)
    assert len(found) == 1, log
    return dict(zip(("written", "read", "sectors", "flushes", "failed", "wrong"), map(int, found[0])))


def went_well(log, turns):
    """All its requests did what they were to do."""
    assert "stopped" not in log and "no disk" not in log and "no link" not in log, log
    got = counts(log)
    assert got["written"] >= 12 * turns and got["read"] >= 12 * turns, log
    assert got["failed"] == got["wrong"] == 0, log
