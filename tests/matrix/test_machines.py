"""Machines as QEMU can make them: processors, chip sets, clocks, memory, firmware.  On each the whole
machine comes up, a guest of two vCPUs runs, and all adds up when it has gone."""
import os
import re
import struct

import pexpect
import pytest

from kernels import printed, run_lines
from machine import free_kib, prompt, run_script
from test_many_cpus import make, vcpus_say

HPET, ACPI_TIMER = "by the HPET", "by ACPI's timer"
NUMA = " ".join(f"-object memory-backend-ram,id=m{i},size=1024M -numa node,memdev=m{i},cpus={i}"
                for i in range(2))
HOTPLUG = "-m 2048,maxmem=64G,slots=4 -object memory-backend-ram,id=m0,size=1024M -device pc-dimm,memdev=m0"
ROOTS = ("-device pxb-pcie,id=pxb,bus_nr=64 -device pcie-root-port,id=rp,bus=pxb,slot=3,chassis=2 "
         "-device virtio-net-pci,bus=rp,disable-legacy=on")

SECOND_PORT = "-global isa-serial.iobase=0x2f8 -global isa-serial.irq=3"

# QEMU 7.2 takes CR4.OSXSAVE for reserved where leaf 13 has no subleaf 1, as with Opteron_G5: not there.
MODELS = ("qemu64", "Penryn", "Nehalem", "Westmere", "SandyBridge", "IvyBridge", "Haswell", "Broadwell",
          "Skylake-Client", "Skylake-Server", "Cascadelake-Server", "Icelake-Server", "Opteron_G3", "EPYC",
          "EPYC-Rome", "EPYC-Milan")

GUESTS = ("one", "two")
# name: (QEMU's arguments, what else `tools/run` is told, whose clock)
CELLS = {
    **{name: (f"-cpu {name},-smap", {}, HPET) for name in MODELS},
    "one CPU": ("", {"SMP": 1}, HPET),
    "q35": ("-machine q35", {}, HPET),
    "q35, four sockets": ("-machine q35 -smp 8,sockets=4,cores=1,threads=2", {}, HPET),
    "no HPET": ("-no-hpet", {}, ACPI_TIMER),
    "no HPET, q35": ("-machine q35 -no-hpet", {}, ACPI_TIMER),
    "Hyper-V's hints": ("-cpu max,-smap,hv-relaxed,hv-vapic,hv-time,hv-frequencies", {}, HPET),
    "256 MiB": ("", {"MEM": 256, "DOM0_MEM": 96}, HPET),
    "3 GiB and a bit": ("", {"MEM": 3585}, HPET),
    "16 GiB": ("", {"MEM": 16384}, HPET),
    "two nodes": (NUMA, {}, HPET),
    "memory to come": (HOTPLUG, {}, HPET),
    "two PCI roots": ("-machine q35 " + ROOTS, {}, HPET),
    "an IOMMU": ("-machine q35,kernel-irqchip=off -device intel-iommu,intremap=on", {}, HPET),
    "the second serial port": (SECOND_PORT, {}, HPET),
    "no screen": ("-vga none", {}, HPET),
    "UEFI": ("", {"FIRMWARE": "uefi"}, HPET),
    "UEFI, q35": ("-machine q35", {"FIRMWARE": "uefi"}, HPET),
}


@pytest.mark.parametrize("name", CELLS)
def test_machine(tmp_path, name):
    arguments, settings, clock = CELLS[name]
    if "uefi" in settings.values() and not os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"):
        pytest.skip("needs ovmf")
    (tmp_path / "extra").mkdir()
    for guest in GUESTS:
        make(tmp_path / "extra", guest, 2)
    result = run_script(tmp_path, "paravane", [
        *run_lines(GUESTS[0]), "vmctl info --json", *run_lines(GUESTS[1]), "vmctl audit", "vmctl info --json",
    ], EXTRA=tmp_path / "extra", DISK="none", QEMU_ARGS=arguments, **settings).ok()
    said = re.search(r"clock: TSC at .*", result.output)[0]
    cpus = re.search(r"CPUs: (\d+) running", result.output)[1]
    total = result.json("vmctl info --json")["total_memory_kib"] >> 10
    print(f"{name}: {said}; CPUs: {cpus}; {total} MiB")
    assert said.endswith(clock)
    assert cpus == (re.search(r"-smp (\d+)", arguments) or [0, str(settings.get("SMP", 2))])[1]
    assert 0 <= settings.get("MEM", 2048) - total <= 8
    for guest in GUESTS:
        assert printed(result, guest)[:-1] == vcpus_say(2), result.tail()
    assert free_kib(result, 0) == free_kib(result, 1)
    assert "0 differences" in result.of("vmctl audit")


def test_a_serial_port_that_only_the_firmware_knows(tmp_path):
    """At 0x3e8 and interrupt 4, by its SPCR: all of the log is there, and what is typed is heard."""
    body = struct.pack("<B3xBBBBQBBIBBBB", 0, 1, 8, 0, 1, 0x3e8, 3, 4, 0, 7, 0, 1, 0)
    (tmp_path / "spcr").write_bytes(body.ljust(44, b"\0"))
    child = prompt(tmp_path, "paravane", DISK="none", QEMU_ARGS=(
        f"-global isa-serial.iobase=0x3e8 -acpitable sig=SPCR,rev=2,data={tmp_path}/spcr"))
    child.sendline("vmctl info")
    child.expect("xen_version")
    child.sendline("poweroff")
    child.expect(pexpect.EOF)
    assert "(pv) Paravane" in (tmp_path / "console.log").read_text()


def test_a_card_behind_another_root(tmp_path):
    result = run_script(tmp_path, "paravane", ["lspci"], DISK="none", QEMU_ARGS="-machine q35 " + ROOTS).ok()
    assert re.search(r"^40:00.0 PCI bridge", result.output, re.M), result.tail()
    assert re.search(r"^41:00.0 Ethernet controller .* driver virtio-net", result.output, re.M), result.tail()


REFUSED = {
    "no ACPI": ("-no-acpi", "the boot loader passed on no ACPI tables: Paravane needs them"),
    "no NX": ("-cpu max,-smap,-nx", "this processor lacks NX or SYSCALL: Paravane needs both"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path, name):
    """One line says why, and that it stops; then it stays (`noreboot`)."""
    arguments, line = REFUSED[name]
    result = run_script(tmp_path, "paravane", ["true"], DISK="none", QEMU_ARGS=arguments, TIMEOUT=10)
    assert result.status == 124
    assert line in result.output and "the machine stops" in result.output, result.tail()


def test_the_second_serial_port_is_typed_at(tmp_path):
    child = prompt(tmp_path, "paravane", DISK="none", QEMU_ARGS=SECOND_PORT)
    child.sendline("vmctl info")
    child.expect("xen_version")
    child.sendline("poweroff")
    child.expect(pexpect.EOF)
