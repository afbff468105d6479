"""NMIs and machine checks, as QEMU's monitor makes them: told, and survived where they may be."""
import re
import socket

import pexpect

from machine import PROMPT, prompt

# SDM volume 3, 16.3.2.2: valid, uncorrected, enabled, address, signalled; action; state corrupt.
OPTIONAL, ACTION, CORRUPT = 0xb500000000000000, 0x0080000000000000, 0x0200000000000000


class Monitor:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.answer()

    def answer(self):
        text = b""
        while not text.endswith(b"(qemu) "):
            text += self.socket.recv(4096)

    def say(self, line):
        self.socket.sendall(line.encode() + b"\n")
        self.answer()


def machine(tmp_path):
    path = tmp_path / "monitor"
    child = prompt(tmp_path, "paravane", DISK="none", QEMU_ARGS=f"-monitor unix:{path},server,nowait")
    return child, Monitor(path)


def test_nmis_and_machine_checks(tmp_path):
    child, monitor = machine(tmp_path)
    monitor.say("nmi")
    child.expect(r"NMI on CPU \d: nobody says why")
    for cpu in range(2):
        monitor.say(f"mce {cpu} 9 {OPTIONAL:#x} 5 0x12345000 0")
        child.expect(f"machine check on CPU {cpu}: 1 error, the last in bank 9: "
                     f"status {OPTIONAL:x}, address 12345000")
    child.sendline("vmctl info")
    child.expect("free_memory")
    child.expect_exact(PROMPT)
    monitor.say(f"mce 1 9 {OPTIONAL | ACTION:#x} 5 0x12345000 0")
    child.expect("PANIC on CPU 1: machine check 18")
    child.expect("machine check on CPU 1: 1 error, the last in bank 9")
    child.expect("'noreboot' is set: halted")
    child.terminate(force=True)
