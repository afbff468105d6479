"""The log of what a guest writes, while it writes: vmctl dirty-rate."""
import re
import shutil
import subprocess

import pytest

from machine import PATCHES_ITSELF, ROOT, main_kernel, make_initrd, run_script

CONFIG = """name = "{name}"
kernel = "/extra/{kernel}"
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


@pytest.fixture(scope="module")
def extra(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dirty")
    shutil.copy(main_kernel(), folder / "stock")
    program = folder / "user-pages"
    subprocess.run(["gcc", "-O2", "-static", "-o", program,
                    ROOT / "tests" / "system" / "user-pages.c"], check=True)
    make_initrd(folder / "rd.gz", INIT, tools=(program,))
    return folder


def rates(extra, tmp_path, guests):
    """name -> (at rest, writing, testing), each a list of what the intervals said."""
    lines = ["vmctl destroy demo"]
    for name, kernel, mode in guests:
        (extra / f"{name}.cfg").write_text(CONFIG.format(name=name, kernel=kernel, mode=mode))
        say = f"vmctl console {name} --send go --timeout 100 --expect"
        lines += [f"vmctl create /extra/{name}.cfg",
                  f"vmctl console {name} --expect rests --timeout 100",
                  f"vmctl dirty-rate --json -n 2 {name}",
                  f"{say} writes-now", f"vmctl dirty-rate --json -n 2 -d 3 {name}",
                  f"{say} tests-now", f"vmctl dirty-rate --json -n 8 -d 0.5 {name}",
                  "vmctl audit", f"vmctl console {name} --expect all-done --timeout 200",
                  "vmctl audit", f"vmctl destroy {name}"]
    lines += ["! vmctl dirty-rate nobody", "! vmctl dirty-rate -n 0 Domain-0",
              "! vmctl dirty-rate Domain-0"]
    result = run_script(tmp_path, "paravane", lines, EXTRA=extra, TIMEOUT=500, SMP=2, **PATCHES_ITSELF).ok()
    assert "nobody: no such guest" in result.of("! vmctl dirty-rate nobody")
    seen = {}
    for name, _, _ in guests:
        text = result.of(f"vmctl console {name} --expect all-done")
        assert text.count("user-pages: 8 rounds, ok") == 2, text
        assert not re.search("WARN|BUG|Oops|multicall", text), text
        seen[name] = [[i["written"] for i in result.json(f"vmctl dirty-rate --json {how}{name}")]
                      for how in ("-n 2 ", "-n 2 -d 3 ", "-n 8 -d 0.5 ")]
    return seen


def check(rest, writing, testing):
    """It rests or writes its file, which is all there; and the tests write more than nothing."""
    assert rest[1] < MIB * 256 / 4, rest
    assert all(MIB * 256 <= n < MIB * 256 * 3 for n in writing), writing
    assert max(testing) > 500, testing


def test_dirty_rate(extra, tmp_path):
    for figures in rates(extra, tmp_path, [("stock", "stock", "direct")]).values():
        check(*figures)


def test_xen_has_none(tmp_path):
    """Debian's is built without shadow page tables."""
    result = run_script(tmp_path, "xen", ["! vmctl dirty-rate demo"])
    assert "this hypervisor logs no guest's writes" in result.of("! vmctl dirty-rate")


def test_dirty_rate_of_modes(linux, extra, tmp_path):
    shutil.copy(linux / "vmlinuz", extra)
    modes = [(mode, "vmlinuz", mode) for mode in ("writable", "shadow")]
    for figures in rates(extra, tmp_path, modes).values():
        check(*figures)
