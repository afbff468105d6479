"""The log of what a guest writes, while it writes: vmctl dirty-rate."""
import re
import shutil
import subprocess

import pytest

from machine import BUILD, PATCHES_ITSELF, QUICK, ROOT, linux_folder, make_initrd, run_script
from test_hostile import CONFIG as ATTACKER, PROGRAMS

CONFIG = """name = "g"
kernel = "/extra/vmlinuz"
ramdisk = "/extra/rd.gz"
memory = 160
vcpus = 2
pgtable = "{mode}"
extra = "console=hvc0 quiet"
"""

# Writes what it is told to, over and over; then its own test of processes and their pages.
MIB = 12
INIT = f"""
mount -t tmpfs tmp /tmp
busybox dd if=/dev/zero of=/tmp/file bs=1M count={MIB} 2>/dev/null
echo rests
read word
while [ ! -e /tmp/enough ]; do
    busybox dd if=/dev/zero of=/tmp/file bs=1M count={MIB} conv=notrunc 2>/dev/null
    [ -e /tmp/begun ] || echo writes > /tmp/begun
done &
while [ ! -e /tmp/begun ]; do :; done
echo writes-now
read word
echo > /tmp/enough; wait
echo tests-now
user-pages 8 & user-pages 8; wait
busybox dmesg | grep -E 'WARN|BUG|Oops|multicall'
echo all-done
while :; do sleep 1000; done
"""


@pytest.fixture
def extra(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dirty")
    program = folder / "user-pages"
    subprocess.run(["gcc", "-O2", "-static", "-o", program,
                    ROOT / "tests" / "system" / "user-pages.c"], check=True)
    make_initrd(folder / "rd.gz", INIT, tools=(program,))
    return folder


def figures(extra, tmp_path, mode):
    """What the intervals said at rest, writing, testing."""
    kernel = extra / "vmlinuz"
    shutil.copy(QUICK / "vmlinuz" if mode == "stock" else linux_folder() / "vmlinuz", kernel)
    (extra / "g.cfg").write_text(CONFIG.format(mode="direct" if mode == "stock" else mode))
    say = "vmctl console g --send go --timeout 100 --expect"
    result = run_script(tmp_path, "paravane", [
        "vmctl destroy demo", "vmctl create /extra/g.cfg",
        "vmctl console g --expect rests --timeout 100", "vmctl dirty-rate --json -n 2 g",
        f"{say} writes-now", "vmctl dirty-rate --json -n 2 -d 3 g",
        f"{say} tests-now", "vmctl dirty-rate --json -n 8 -d 0.5 g", "vmctl audit",
        "vmctl console g --expect all-done --timeout 200", "vmctl audit", "vmctl destroy g",
        "! vmctl dirty-rate nobody", "! vmctl dirty-rate -n 0 Domain-0",
        "! vmctl dirty-rate Domain-0"], EXTRA=extra, TIMEOUT=500, SMP=2, **PATCHES_ITSELF).ok()
    assert "nobody: no such guest" in result.of("! vmctl dirty-rate nobody")
    assert "its writes are not logged" in result.of("! vmctl dirty-rate Domain-0")
    text = result.of("vmctl console g --expect all-done")
    assert text.count("user-pages: 8 rounds, ok") == 2, text
    assert not re.search("WARN|BUG|Oops|multicall", text), text
    return [[i["written"] for i in result.json(f"vmctl dirty-rate --json {how} g")]
            for how in ("-n 2", "-n 2 -d 3", "-n 8 -d 0.5")]


@pytest.mark.parametrize("mode", ["stock"] + (["writable", "shadow"] if linux_folder() else []))
def test_dirty_rate(mode, extra, tmp_path):
    """It rests or writes its file, which is all there; and the tests write more than nothing."""
    rest, writing, testing = figures(extra, tmp_path, mode)
    assert rest[1] < MIB * 256 / 4, rest
    assert all(MIB * 256 <= n < MIB * 256 * 3 for n in writing), writing
    assert max(testing) > 500, testing


def test_attackers(tmp_path):
    """Those that change page tables, in each mode, under a log that is read all the time."""
    names = [name for name in PROGRAMS if name != "edges"]
    (tmp_path / "extra").mkdir()
    lines = []
    for name in names:
        program, vcpus, mode, line, _ = PROGRAMS[name]
        shutil.copy(BUILD / f"tests/hostile/{program}.elf", tmp_path / "extra")
        (tmp_path / f"extra/{name}.cfg").write_text(
            ATTACKER.format(case=line, program=program, vcpus=vcpus, mode=mode))
        lines += [f"vmctl create -q /extra/{name}.cfg", "try vmctl dirty-rate hostile -n 60 -d 0.1",
                  "try vmctl wait hostile --state gone --timeout 60", "vmctl audit",
                  "cat /var/log/xen/console/guest-hostile.log",
                  "rm /var/log/xen/console/guest-hostile.log"]
    result = run_script(tmp_path, "paravane", lines, EXTRA=tmp_path / "extra", DISK="none",
                        TIMEOUT=400, SMP=2).ok()
    for i, name in enumerate(names):
        # Who is through with all of it before the first look has no figures.
        assert "written in" in result.of("try vmctl dirty-rate", i) or name == "pairs"
        said = result.of("cat /var/log/xen/console", i)
        assert [case for case in PROGRAMS[name][4] if f"hostile: {case} done" not in said] == [], said


def test_xen_has_none(tmp_path):
    """Debian's is built without shadow page tables."""
    result = run_script(tmp_path, "xen", ["! vmctl dirty-rate demo"])
    assert "this hypervisor logs no guest's writes" in result.of("! vmctl dirty-rate")
