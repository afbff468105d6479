"""Disks on controllers: the demo guest on each kind of disk, their names, and a disk with a bad
sector, which costs who reads that sector an error and nobody else anything."""
import subprocess

import pytest

from machine import run_script

# QEMU's device, what ids begin with, the first disk's place, names of disks and partitions.
KINDS = {
    "virtio": ("virtio-blk-pci,disable-legacy=on", "virtio-", "", "vda vda1 vda2 vdb"),
    "nvme": ("nvme", "nvme-QEMU_NVMe_Ctrl_", "-nvme-1", "nvme0n1 nvme0n1p1 nvme0n1p2 nvme1n1"),
    "ahci": ("ide-hd,bus=ahci.1", "ata-QEMU_HARDDISK_", "-ata-1", "sda sda1 sda2 sdb"),
    "scsi": ("scsi-hd,bus=scsi.0", "scsi-0QEMU_QEMU_HARDDISK_", "-scsi-0:0:0:0", "sda sda1 sda2 sdb"),
}
BAD_PAGE = 1000 # of 4096 bytes
LOAD = "(dd if=/dev/zero of=/root/load bs=256k count=40 conv=fsync; echo load-$?) 2>&1 | grep load- > /tmp/l &"


def config(folder, bad):
    (folder / "both.cfg").write_text(
        'name = "both"\nkernel = "/boot/demo/vmlinuz"\nramdisk = "/boot/demo/initrd.gz"\n'
        'root = "/dev/xvda rw"\nextra = "console=hvc0"\nmemory = 160\n'
        f'disk = [ "phy:PARTLABEL=paravane-demo,xvda,w", "phy:/dev/disk/by-id/{bad},xvdb,w" ]\n')


def bad_disk(path, device):
    """QEMU's options for a disk whose sector in the middle of BAD_PAGE can be neither read nor written."""
    subprocess.run(["truncate", "-s", "32M", path], check=True)
    rules = "".join(f",inject-error.{i}.event=none,inject-error.{i}.iotype={io},inject-error.{i}.errno=5,"
                    f"inject-error.{i}.sector={BAD_PAGE * 8 + 3}" for i, io in enumerate(("read", "write")))
    return (f"-blockdev driver=blkdebug,node-name=bad,image.driver=file,image.filename={path}{rules} "
            f"-device {device},drive=bad,serial=bad")


def typed(line, answer):
    return f"vmctl console both --send '{line}' --expect '{answer}' --timeout 90"


@pytest.mark.parametrize("kind, cpus", [(kind, cpus) for kind in KINDS for cpus in (1, 2)
                                        if kind != "virtio" or cpus == 2])
def test_a_bad_sector(tmp_path, kind, cpus):
    extra, (device, name, place, names) = tmp_path / "extra", KINDS[kind]
    extra.mkdir()
    config(extra, name + "bad")
    read = "dd if=/dev/xvdb of=/dev/null bs=4k count=1 skip="
    write = "dd if=/dev/zero of=/dev/xvdb bs=4k conv=fsync count=1 seek="
    result = run_script(tmp_path, "paravane", [
        "lsblk", "vmctl destroy demo", "vmctl create /extra/both.cfg",
        "vmctl console both --expect 'demo:/# $' --timeout 90",
        typed(LOAD + " true", "# $"),
        typed(f"{read}{BAD_PAGE}; echo bad-$?", "bad-1\r"),
        typed(f"{read}{BAD_PAGE + 1}; echo good-$?", "good-0\r"),
        typed(f"{write}{BAD_PAGE}; echo bad-$?", "bad-1\r"),
        typed(f"{write}{BAD_PAGE - 1}; echo good-$?", "good-0\r"),
        typed("dd if=/dev/xvdb of=/dev/null bs=64k count=400; echo whole-$?", "whole-1\r"),
        typed("wait; cat /tmp/l; echo loaded-$?", "loaded-0\r"),
        typed("echo 3 > /proc/sys/vm/drop_caches; md5sum /root/load; sync; echo done-$?", "done-0\r"),
        "vmctl shutdown both", "vmctl wait both --state gone --timeout 60",
        "lsblk",
    ], SMP=cpus, DISKIF=kind, EXTRA=extra, TIMEOUT=300,
        QEMU_ARGS=bad_disk(tmp_path / "bad.img", device)).ok()
    listed = result.of("lsblk")
    lines = {line.split()[0]: line for line in listed.splitlines()[1:] if line.strip()}
    assert list(lines) == names.split()
    assert name + "paravane0 " in lines[names.split()[0]] and place in lines[names.split()[0]]
    assert name + "bad " in lines[names.split()[-1]]
    assert "it is dead" not in result.output
    assert listed.split("LABEL")[1].count("write") == 1 # the demo's
    checked = subprocess.run(["/sbin/e2fsck", "-fn", f"{tmp_path}/disk.img?offset={1 << 20}"],
                             capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
