"""A guest is destroyed in the middle of its disk's work, a hundred times: nothing of it stays."""
import random
import re

from machine import BUILD, SETTLED, free_kib, nodes, run_script

TIMES, FIRST = 100, 10
# After the first ones what the hypervisor keeps for dom0's grants is as large as it gets, but for so much;
# a page of each of the others would be more.
KEPT_KIB = 64
CONFIG = """name = "busy"
kernel = "/extra/busy-disk.elf"
memory = 8
cmdline = "{0}"
disk = [ "phy:PARTLABEL=paravane-scratch,xvda,w" ]
"""
AT_WORK = 'vmctl console busy --expect "at work" --timeout 30'


def lives(numbers):
    """Each ends at another moment: before its disk is connected, with its first requests, or later."""
    lines = []
    for i in numbers:
        lines += [f"vmctl create -q /extra/busy-{i % FIRST}.cfg"]
        lines += [AT_WORK] if i % 4 or i < FIRST else []
        lines += [f"sleep {random.random() / 5:.3f}"] if i % 2 else []
        lines += ["lsblk", "vmctl destroy busy"]
    return lines


def test_a_hundred_times(tmp_path):
    random.seed(5)
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "busy-disk.elf").write_bytes((BUILD / "tests/hostile/busy-disk.elf").read_bytes())
    for i in range(FIRST):
        (extra / f"busy-{i}.cfg").write_text(CONFIG.format(i))
    result = run_script(tmp_path, "paravane", [
        "vmctl destroy demo", *lives(range(FIRST)), "vmctl audit", *SETTLED, *lives(range(FIRST, TIMES)),
        "vmctl audit", *SETTLED, "lsblk", "vmctl list --json"], EXTRA=extra, TIMEOUT=400).ok()
    began = result.output.count("\nbusy: at work")
    print(f"{TIMES} guests destroyed, {began} at work; {free_kib(result, 0)} KiB free, then {free_kib(result, 1)}")
    assert "bad:" not in result.output
    assert began >= TIMES * 3 // 4
    assert abs(free_kib(result, 0) - free_kib(result, 1)) <= KEPT_KIB
    assert nodes(result, 0) == nodes(result, 1)
    for which in (0, 1):
        assert re.findall(r", (\d+) differences", result.of("vmctl audit", which)) == ["0"]
    held = [line.split()[3] for line in result.of("lsblk", TIMES).splitlines() if "vda2" in line]
    assert held == ["-"]
    assert [d["name"] for d in result.json("vmctl list --json")] == ["Domain-0"]
