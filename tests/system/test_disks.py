"""Disks and partitions of guests: who may have what at the same time, reading and writing, a
read-only disk, a whole disk with its partitions; and disks whose tables lie."""
import struct
import subprocess
import zlib

import pytest

from machine import demo_disk, run_script

KERNEL = 'kernel = "/boot/demo/vmlinuz"\nramdisk = "/boot/demo/initrd.gz"\nextra = "console=hvc0"\n'


def config(folder, name, *disks):
    listed = ", ".join(f'"{disk}"' for disk in disks)
    (folder / f"{name}.cfg").write_text(f'name = "{name}"\n{KERNEL}memory = 160\ndisk = [ {listed} ]\n')


def typed(guest, line, answer):
    return f"vmctl console {guest} --send '{line}' --expect '{answer}' --timeout 60"


@pytest.mark.seldom_on_xen
def test_sharing(hv, tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    config(extra, "both", "phy:/dev/vda2,xvda,w", "phy:vda1,xvdb,r")
    config(extra, "whole", "phy:/dev/vda,xvda,r")
    config(extra, "busy", "phy:/dev/vda,xvda,w")
    config(extra, "absent", "phy:/dev/vdz,xvda,w")
    config(extra, "twice", "phy:/dev/vda,xvda,w", "phy:PARTLABEL=paravane-scratch,xvdb,w")
    result = run_script(tmp_path, hv, [
        "! vmctl create /extra/both.cfg", "! vmctl create /extra/busy.cfg",
        "! vmctl create /extra/absent.cfg",
        "vmctl destroy demo", "! vmctl create /extra/twice.cfg", "! vmctl domid twice",
        "vmctl create /extra/both.cfg",
        "vmctl console both --expect BusyBox --timeout 60",
        typed("both", "dd if=/dev/urandom of=/dev/xvda bs=1M count=20 conv=fsync; echo w-$?", "w-0"),
        typed("both", "dd if=/dev/zero of=/dev/xvdb bs=1M count=1; echo r-$?", "r-1"),
        typed("both", "mkdir /m; mount -t ext4 -o ro /dev/xvdb /m; ls /m/etc; echo m-$?", "m-0"),
        "lsblk", "! vmctl create /extra/busy.cfg",
        "vmctl destroy both",
        "vmctl create /extra/whole.cfg",
        "vmctl console whole --expect BusyBox --timeout 60",
        typed("whole", "cat /proc/partitions; echo p-$?", "p-0"),
        "! vmctl create /etc/vmctl/demo.cfg",
        "vmctl destroy whole", "lsblk",
    ], EXTRA=extra).ok()
    assert "in use" in result.of("! vmctl create /extra/both.cfg")
    assert "in use" in result.of("! vmctl create /extra/busy.cfg", 1)
    assert "vdz" in result.of("! vmctl create /extra/absent.cfg")
    assert "shares sectors" in result.of("! vmctl create /extra/twice.cfg")
    assert "xvda2" in result.of("vmctl console whole --send")
    lines = {line.split()[0]: line.split() for line in result.of("lsblk").splitlines()[1:]
             if line.startswith("  vda")}
    assert lines["vda1"][3] == "read" and lines["vda2"][3] == "write"
    assert all(line.split()[3] == "-" for line in result.of("lsblk", 1).splitlines()[1:]
               if line.strip().startswith("vda"))


def lying_disk(path):
    """A GPT with good checksums whose entries lie past the disk's end, named as the demo's is."""
    subprocess.run(["truncate", "-s", "16M", path], check=True)
    subprocess.run(["/sbin/sfdisk", "-q", path], input="label: gpt\nname=paravane-demo\n", text=True,
                   check=True)
    with open(path, "r+b") as disk:
        disk.seek(512)
        header = bytearray(disk.read(92))
        struct.pack_into("<Q", header, 72, 1 << 40)
        struct.pack_into("<I", header, 16, 0)
        struct.pack_into("<I", header, 16, zlib.crc32(header))
        disk.seek(512)
        disk.write(header)


def large_sectors(path):
    subprocess.run(["truncate", "-s", "64M", path], check=True)
    subprocess.run(["/sbin/fdisk", "-b", "4096", "-w", "never", path], input="g\nn\n1\n\n\nw\n",
                   text=True, check=True, stdout=subprocess.DEVNULL)


def test_tables_that_lie_and_large_sectors(tmp_path):
    """A table that makes no sense costs its disk its partitions, and nobody his name; a disk with
    sectors of 4096 bytes is one for its guest too; the guest that is renamed when it ends leaves its
    disk to the one that follows."""
    extra, lying, large = tmp_path / "extra", tmp_path / "lying.img", tmp_path / "large.img"
    extra.mkdir()
    lying_disk(lying)
    large_sectors(large)
    config(extra, "large", "phy:/dev/disk/by-id/virtio-large-part1,xvda,w")
    with open(extra / "large.cfg", "a", encoding="ascii") as more:
        more.write('on_poweroff = "rename-restart"\ncpus = "1"\nvif = [ "" ]\n')
    typing = "dd if=/dev/urandom of=/d bs=4k count=9 && dd if=/d of=/dev/xvda bs=4k conv=fsync && " \
             "dd if=/dev/xvda bs=4k count=9 | cmp - /d && " \
             "echo same-$(cat /sys/block/xvda/queue/logical_block_size)"
    result = run_script(tmp_path, "paravane", [
        "lsblk", "vmctl list --json", "vmctl destroy demo",
        "vmctl create /extra/large.cfg", "vmctl console large --expect BusyBox --timeout 90",
        typed("large", typing, "same-4096"),
        "! vmctl create /extra/large.cfg 'name=\"busy\"'",
        "! vmctl create /extra/large.cfg 'name=\"nowhere\"' 'cpus=\"40\"'",
        typed("large", "poweroff -f", "poweroff"),
        "vmctl wait 2 --state shutdown --timeout 60", "vmctl wait large --state running --timeout 60",
        "vmctl console large --expect BusyBox --timeout 90",
        typed("large", "dd if=/dev/xvda bs=4k count=1 of=/dev/null; echo read-$?", "read-0"),
        "vmctl list", "lsblk",
    ], EXTRA=extra, DISK=f"{lying},{demo_disk(tmp_path)}",
        QEMU_ARGS=f"-drive if=none,id=large,format=raw,file={large} -device virtio-blk-pci,drive=large,"
                  "serial=large,logical_block_size=4096,physical_block_size=4096").ok()
    names = [line.split()[0] for line in result.of("lsblk").splitlines()[1:]]
    assert names == ["vda", "vdb", "vdb1", "vdb2", "vdc", "vdc1"]
    assert "vda: partition table: it leaves the disk: not used" in result.output
    assert result.json("vmctl list --json")[1]["name"] == "demo"
    assert "in use by guest large" in result.of("! vmctl create /extra/large.cfg 'name=\"busy")
    assert "none of those" in result.of("! vmctl create /extra/large.cfg 'name=\"nowhere")
    listed = result.of("vmctl list", 1)
    assert "large-2 " in listed and "large " in listed
