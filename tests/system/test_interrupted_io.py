"""A guest that is destroyed or crashes in the middle of writing: nothing of it stays behind, and
the disk serves the next one."""
from machine import SETTLED, nodes, run_script, same_memory

CONSOLE = "vmctl console demo "
READY = CONSOLE + "--expect 'demo:/# $' --timeout 90"
BUSY = "(while :; do dd if=/dev/zero of=/root/junk bs=1M count=64 conv=fsync; done) >/dev/null 2>&1 &"


def test_guests_that_die_while_writing(hv, tmp_path):
    lines = [READY, "vmctl destroy demo"]
    crash = CONSOLE + "--send 'echo c > /proc/sysrq-trigger' --expect 'crash|panic' --timeout 30"
    for end in ("vmctl destroy demo", crash, "vmctl destroy demo"):
        lines += ["vmctl create -q /etc/vmctl/demo.cfg", READY,
                  CONSOLE + f"--send '{BUSY}' --expect 'demo:/# $' --timeout 20", "sleep 1",
                  "try " + end, "vmctl wait demo --state gone --timeout 30", *SETTLED]
    lines += ["lsblk", "vmctl create -q /etc/vmctl/demo.cfg", READY,
              CONSOLE + "--send 'rm /root/junk; sync; echo clean-$?' --expect 'clean-0\\r' --timeout 60"]
    result = run_script(tmp_path, hv, lines, TIMEOUT=400).ok()
    # Compared with the first end: dom0's grant mappings have found their size by then.
    for look in (1, 2):
        same_memory(hv, result, 0, look)
        assert nodes(result, look) == nodes(result, 0)
    assert "write" not in result.of("lsblk")
