"""NMIs from the machine's monitor, which come anywhere: in guests, in the hypervisor, with its locks
held.  Each CPU says so on its way out, and all goes on."""
import pexpect

from machine import PROMPT, prompt

MONITOR = "\x01c"  # Ctrl-A c: from the console to QEMU's monitor and back


def line(machine, text, expected=None):
    machine.send(text + "\r")
    if expected:
        machine.expect(expected)
    machine.expect_exact("\n" + "\r" + PROMPT)


def storm(machine, count):
    machine.send(MONITOR)
    machine.expect_exact("(qemu) ")
    for _ in range(count):
        machine.send("nmi\r")
        machine.expect_exact("(qemu) ")
    machine.send(MONITOR)


def test_nmi_storm(tmp_path):
    machine = prompt(tmp_path, "paravane", SMP=2)
    try:
        line(machine, "vmctl list", "demo")
        storm(machine, 1)
        line(machine, "", "")
        line(machine, "vmctl dmesg", "NMI on CPU")
        machine.send("vmctl console demo\r")
        machine.expect("demo:/# ")
        machine.send("while true; do ls / > /dev/null; done &\r")  # calls, traps and events all the time
        storm(machine, 300)
        machine.send("\recho in-$((20+22))\r")
        machine.expect_exact("in-42")
        machine.send("kill %1\r\x1d")
        machine.expect_exact(PROMPT)
        line(machine, "vmctl dmesg", "NMI on CPU 1")
        machine.send("poweroff\r")
        machine.expect(pexpect.EOF, timeout=30)
        assert "panic" not in (tmp_path / "console.log").read_text()
    finally:
        machine.close(force=True)
