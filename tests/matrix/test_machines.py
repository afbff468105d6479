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
    "a large screen": ("-vga none -device VGA,vgamem_mb=64,xres=2560,yres=1600", {}, HPET),
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


@pytest.mark.parametrize("slot", ("addr=9", "bus=br,addr=1"))
def test_a_serial_port_that_is_a_pci_function(tmp_path, slot):
    """All of the log is there where nothing is at COM1 and COM2 and the firmware knows of none."""
    said = tmp_path / "said"
    run_script(tmp_path, "paravane", ["vmctl info"], DISK="none", TIMEOUT=30, QEMU_ARGS=(
        f"-global isa-serial.iobase=0x3e8 -chardev file,id=said,path={said} -device pci-bridge,id=br,chassis_nr=1 "
        f"-device pci-serial,chardev=said,{slot}"))
    text = said.read_text(errors="replace")
    assert "(pv) Paravane" in text and "xen_version" in text and "paravane-script: exit 0" in text, text[-2000:]


def test_a_card_behind_another_root(tmp_path):
    result = run_script(tmp_path, "paravane", ["lspci"], DISK="none", QEMU_ARGS="-machine q35 " + ROOTS).ok()
    assert "buses 00 to ff: registers in memory at b0000000: used" in result.output, result.tail()
    assert re.search(r"^40:00.0 PCI bridge", result.output, re.M), result.tail()
    assert re.search(r"^41:00.0 Ethernet controller .* driver virtio-net", result.output, re.M), result.tail()


@pytest.mark.parametrize("firmware", ("bios", "uefi"))
@pytest.mark.parametrize("taken, left", (("2M 64M", 1980), ("1M 1300M", 700)))
def test_what_the_hypervisor_was_linked_for_is_taken(tmp_path, firmware, taken, left):
    """GRUB puts it elsewhere, as its header allows; other CPUs find it there, too."""
    if firmware == "uefi" and not os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"):
        pytest.skip("needs ovmf")
    result = run_script(tmp_path, "paravane", ["vmctl audit", "vmctl info --json"], DISK="none", SMP=3,
                        GRUB=f"cutmem {taken}", FIRMWARE=firmware).ok()
    assert "CPUs: 3 running" in result.output
    assert "0 differences" in result.of("vmctl audit")
    assert left - 80 < result.json("vmctl info --json")["total_memory_kib"] >> 10 <= left + 80


def pci_table(folder, *windows):
    """QEMU's arguments for an MCFG of such windows; `pc` has none of its own, and no such memory."""
    entries = b"".join(struct.pack("<QHBB4x", *window) for window in windows)
    (folder / "mcfg").write_bytes(bytes(8) + entries)
    return f"-acpitable sig=MCFG,rev=1,data={folder}/mcfg"


@pytest.mark.parametrize("hv", ("paravane", "xen"))
def test_firmware_that_is_wrong_about_pci(tmp_path, hv):
    """The screen's memory, RAM, the local APIC, no buses: the ports are left, and all devices."""
    table = pci_table(tmp_path, (0xfd000000, 0, 0, 0), (0x10000000, 1, 0, 255), (0xfee00000, 2, 0, 0),
                      (0x20000000, 3, 9, 1))
    result = run_script(tmp_path, hv, ["lspci"], DISK="none", QEMU_ARGS=table).ok()
    for line in ("segment 0000, buses 00 to 00: registers in memory at fd000000: not used, the ports show",
                 "segment 0001, buses 00 to ff: registers in memory at 10000000: not used, no such device memory",
                 "segment 0002, buses 00 to 00: registers in memory at fee00000: not used, no such device memory",
                 "segment 0003, buses 09 to 01: registers in memory at 20000000: not used, no such buses"):
        assert line in result.output, result.tail()
    assert re.search(r"^00:01.3 Bridge", result.output, re.M), result.tail()
    assert re.search(r"^00:03.0 Ethernet controller .* driver virtio-net", result.output, re.M), result.tail()


BUS, SLOT = 1 << 20, 1 << 15
SHARED = 0xfe000000  # where SeaBIOS puts the shared memory's 2 MiB


@pytest.mark.parametrize("hv", ("paravane", "xen"))
def test_another_segment(tmp_path, hv):
    """A device's memory, filled with what the registers of segment 1's buses 0x40 and 0x41 would show."""
    registers = bytearray(b"\xff" * 2 * BUS)
    for place, ids, kind, header, behind in ((0, 0x20308086, 0x060400, 1, 0x41),
                                             (3 * SLOT, 0x12348086, 0x020000, 0x80, 0),
                                             (3 * SLOT + 5 * 4096, 0x12358086, 0x020000, 0, 0),
                                             (BUS + 31 * SLOT, 0xa808144d, 0x010802, 0, 0)):
        page = struct.pack("<I4xI2xB10xB", ids, kind << 8 | 1, header, behind)
        registers[place:place + 4096] = page.ljust(4096, b"\0")
    (tmp_path / "registers").write_bytes(registers)
    result = run_script(tmp_path, hv, ["lspci"], DISK="none", QEMU_ARGS=(
        pci_table(tmp_path, (SHARED - 0x40 * BUS, 1, 0x40, 0x41)) + " -device ivshmem-plain,memdev=m,addr=9 "
        f"-object memory-backend-file,id=m,size=2M,mem-path={tmp_path}/registers,share=on")).ok()
    assert re.findall(r"^(\d{4}:4.*?) \[.*\]: (\S+)", result.output, re.M) == [
        ("0001:40:00.0 PCI bridge", "8086:2030"),
        ("0001:41:1f.0 Non-volatile memory controller", "144d:a808"),
        ("0001:40:03.0 Ethernet controller", "8086:1234"),
        ("0001:40:03.5 Ethernet controller", "8086:1235")], result.tail()
    assert re.search(r"^0000:00:03.0 Ethernet .* driver virtio-net", result.output, re.M), result.tail()


REFUSED = {
    "no ACPI": ("-no-acpi", "the boot loader passed on no ACPI tables: Paravane needs them"),
    "no NX": ("-cpu max,-smap,-nx", "this processor lacks NX or SYSCALL: Paravane needs both"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path, name):
    """One line says why, and that it stops; then it stays (`noreboot`)."""
    arguments, line = REFUSED[name]
    result = run_script(tmp_path, "paravane", ["true"], DISK="none", QEMU_ARGS=arguments, TIMEOUT=10)
    assert result.status == 1
    assert line in result.output and "the machine stops" in result.output, result.tail()


def test_the_second_serial_port_is_typed_at(tmp_path):
    child = prompt(tmp_path, "paravane", DISK="none", QEMU_ARGS=SECOND_PORT)
    child.sendline("vmctl info")
    child.expect("xen_version")
    child.sendline("poweroff")
    child.expect(pexpect.EOF)
