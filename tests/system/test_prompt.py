"""dom0 as a user meets it: the prompt, editing, the guest's console and back."""
import pexpect

from machine import PROMPT, prompt


def line(machine, text, expected=None):
    machine.send(text + "\r")
    if expected:
        machine.expect(expected)
    machine.expect_exact("\n" + "\r" + PROMPT)


def test_prompt(hv, tmp_path):
    machine = prompt(tmp_path, hv)
    try:
        line(machine, "help", "vmctl")
        line(machine, "echo 'a  b' \"c\"", "\na  b c")
        line(machine, "echo lost\b\b\b\bfound", "\nfound")
        machine.send("\x1b[A")
        machine.expect_exact("found")
        line(machine, "", "\nfound")
        line(machine, "echo text > /tmp.txt")
        line(machine, "cat /tmp.txt", "\ntext")
        line(machine, "vmctl list", "demo")
        machine.send("vmctl console demo\r")
        machine.expect("demo:/# ")
        machine.send("echo in-$((20+22))\r")
        machine.expect_exact("in-42")
        machine.send("\x1d")
        machine.expect_exact(PROMPT)
        line(machine, "lsblk", "vda1")
        line(machine, "nonsense", "no such command")
        machine.send("poweroff\r")
        machine.expect(pexpect.EOF, timeout=30)
    finally:
        machine.close(force=True)
