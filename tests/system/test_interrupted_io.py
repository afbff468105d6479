"""A guest that is destroyed or crashes in the middle of writing: nothing of it stays behind, and
the disk serves the next one."""
import shutil

import pytest

from machine import SETTLED, linux_folder, nodes, run_script, same_memory, small_kernel

CONSOLE = "vmctl console demo "
READY = CONSOLE + "--expect 'demo:/# $' --timeout 90"
BUSY = "(while :; do dd if=/dev/zero of=/root/junk bs=1M count=64 conv=fsync; done) >/dev/null 2>&1 &"

# The demo guest with a kernel that needs no initramfs, or as it is.
SMALL = """name = "demo"
kernel = "/extra/vmlinuz"
memory = 192
root = "/dev/xvda rw"
extra = "console=hvc0 quiet"
disk = [ "phy:PARTLABEL=paravane-demo,xvda,w" ]
"""


@pytest.mark.seldom_on_xen
def test_guests_that_die_while_writing(hv, tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    shutil.copy(small_kernel(), extra / "vmlinuz")
    (extra / "small.cfg").write_text(SMALL)
    config = "/extra/small.cfg" if linux_folder() else "/etc/vmctl/demo.cfg"
    lines = ["vmctl destroy demo"]
    crash = CONSOLE + "--send 'echo c > /proc/sysrq-trigger' --expect 'crash|panic' --timeout 30"
    for end in ("vmctl destroy demo", crash, "vmctl destroy demo"):
        lines += [f"vmctl create -q {config}", READY,
                  CONSOLE + f"--send '{BUSY}' --expect 'demo:/# $' --timeout 20", "sleep 1",
                  "try " + end, "vmctl wait demo --state gone --timeout 30", *SETTLED]
    lines += ["lsblk", f"vmctl create -q {config}", READY,
              CONSOLE + "--send 'rm /root/junk; sync; echo clean-$?' --expect 'clean-0\\r' --timeout 60"]
    result = run_script(tmp_path, hv, lines, EXTRA=extra, TIMEOUT=400).ok()
    # Compared with the first end: dom0's grant mappings have found their size by then.
    for look in (1, 2):
        same_memory(hv, result, 0, look)
        assert nodes(result, look) == nodes(result, 0)
    assert "write" not in result.of("lsblk")
