"""NMIs and machine checks, as QEMU's monitor makes them: told, and survived where they may be."""
import re
import socket
import struct
import subprocess
import time

import pexpect
import pytest

from machine import BUILD, PROMPT, ROOT, prompt

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


def broken(function, target):
    """A hypervisor one of whose functions begins with an instruction that is none."""
    image = bytearray((BUILD / "hypervisor/paravane").read_bytes())
    symbols = subprocess.run(["nm", BUILD / "hypervisor/paravane"], check=True, capture_output=True, text=True)
    address = int(re.search(rf"^(\w+) \w {function}$", symbols.stdout, re.M)[1], 16)
    headers, = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    for at in range(headers, headers + size * count, size):
        offset, virtual, _, in_file = struct.unpack_from("<8xQQQQ", image, at)
        if virtual <= address < virtual + in_file:
            struct.pack_into("2s", image, offset + address - virtual, b"\x0f\x0b")
    target.write_bytes(image)
    return target


@pytest.mark.parametrize("function", ("early_memory_init", "acpi_init", "cpus_start"))
def test_an_exception_while_it_boots(tmp_path, function):
    """It is told what happened, and where, long before there are guests."""
    child = prompt(tmp_path, "paravane", DISK="none", HV_IMAGE=broken(function, tmp_path / "hypervisor"),
                   waits_for="'noreboot' is set: halted instead of rebooting")
    child.terminate(force=True)
    said = child.before.replace("\r", "")
    assert "PANIC on CPU 0: exception 6, error 0, in the hypervisor" in said, said
    assert re.search(rf"rip (\w+) .*\n(.*\n)*.* \1 {function}\+0\n", said), said
    assert re.search(r"return addresses on the stack:\n.* \w+ boot_main\+", said), said


@pytest.mark.seldom
def test_a_panic_can_be_read(tmp_path):
    """It stays for a minute, and the machine starts again then."""
    iso = tmp_path / "boot.iso"
    subprocess.run([ROOT / "tools/make-iso", iso, "--bios-only", "--hypervisor",
                    broken("cpus_start", tmp_path / "hypervisor"), "--dom0", BUILD / "dom0/dom0.gz",
                    "--initrd", BUILD / "dom0/initrd.cpio", "--entry", "Paravane", "console=com1", ""], check=True)
    child = prompt(tmp_path, "paravane", DISK="none", ISO=iso, waits_for="it reboots in 60 seconds")
    start = time.monotonic()
    child.expect(pexpect.EOF, timeout=300)
    assert time.monotonic() - start > 55
