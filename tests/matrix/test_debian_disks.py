"""Debian roots with systemd on disks of both kinds, a file with a partition table on dom0's ext4 and a partition,
each booted by pvgrub from its own /boot: a kernel's source is unpacked, fio verifies what it wrote at all
request sizes, stress-ng works the disk, and e2fsck finds every file system whole."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from machine import BUILD, ROOT, run_script
from net_guests import CACHE
from test_storage import copy, filesystem, partitioned

sys.path.insert(0, str(ROOT / "tools"))
import debian_root

PACKAGES = ["systemd", "systemd-sysv", "udev", "dbus", "fio", "stress-ng", "xz-utils"]
SOURCE = "linux-source-6.1"
# Of all there is in it, what is unpacked by the guest that has the partition.
PART = "fs"

FILES = {
    "etc/hostname": "debian\n",
    "etc/systemd/system/console-shell.service":
        "[Service]\nType=idle\nEnvironment=HOME=/root PS1=debian#\nWorkingDirectory=/root\n"
        "ExecStart=/bin/bash --norc --noediting -i\nStandardInput=tty-force\nTTYPath=/dev/hvc0\n",
}
LINKS = {
    "etc/systemd/system/multi-user.target.wants/console-shell.service": "../console-shell.service",
    "etc/systemd/system/serial-getty@hvc0.service": "/dev/null",
}
GRUB = "set timeout=0\nlinux /boot/vmlinuz root=/dev/{0} rw console=hvc0 quiet\ninitrd /boot/initrd.gz\nboot\n"
FSTAB = "/dev/{0} / ext4 errors=remount-ro 0 1\n"
CONFIG = 'name = "{0}"\nbootloader = "pygrub"\nmemory = 512\nvcpus = 2\ndisk = [ "{1},xvda,w" ]\n'

FIO = ("fio --name=all --filename=/root/fio --size=48m --rw=randwrite --bsrange=512-1m --blockalign=512 "
       "--ioengine=libaio --direct=1 --iodepth=24 --verify=crc32c --verify_fatal=1 --fsync=64 --minimal "
       "--output=/root/fio.log")
STRESS = "stress-ng --quiet --hdd 2 --hdd-bytes 32M --hdd-opts wr-rnd,rd-rnd,fsync --hdd-ops 3000 --verify"
DIGEST = "find {0} -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"


def source(folder):
    """The kernel's source as Debian packs it."""
    debian_root.download(str(folder), [SOURCE])
    deb = next(folder.glob("*.deb"))
    subprocess.run(["dpkg-deb", "-x", deb, folder / "root"], check=True)
    return folder / "root" / "usr/src" / f"{SOURCE}.tar.xz"


def digest(folder, command):
    return subprocess.run(command, cwd=folder, shell=True, check=True, capture_output=True, text=True).stdout.split()[0]


def root(folder, device, tarball):
    tree = folder / "root"
    subprocess.run(["cp", "-a", debian_root.make(str(CACHE / "debian-root-disks"), PACKAGES, installed=True), tree],
                   check=True)
    (tree / "boot/grub").mkdir(parents=True)
    for name, text in {**FILES, "boot/grub/grub.cfg": GRUB.format(device), "etc/fstab": FSTAB.format(device)}.items():
        (tree / name).write_text(text)
    for name, to in LINKS.items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).symlink_to(to)
    for name in ("vmlinuz", "initrd.gz"):
        shutil.copy(BUILD / "demo/root0/boot/demo" / name, tree / "boot" / name)
    shutil.copy(tarball, tree / "root/source.tar")
    return tree


def root_image(folder, name, device, tarball, size):
    image = folder / f"{name}.img"
    tree = root(folder, device, tarball)
    debian_root.image(image, tree, size)
    shutil.rmtree(tree)
    return image


def say(guest, command, timeout=600):
    return f"vmctl console {guest} --send '{command}; echo status=$?' --expect 'status=\\d' --timeout {timeout}"


def work(guest, folder):
    return [
        f"vmctl create /extra/{guest}.cfg", f'vmctl console {guest} --expect "debian#" --timeout 300',
        say(guest, "systemctl is-system-running --wait"), say(guest, "findmnt -n -o SOURCE,FSTYPE /"),
        say(guest, "tar -xf source.tar", 1500), say(guest, "sync; echo 3 > /proc/sys/vm/drop_caches"),
        say(guest, DIGEST.format(folder), 900), say(guest, FIO, 900), say(guest, STRESS, 900),
        say(guest, "fstrim -v /"), f"vmctl shutdown -w {guest}", "sleep 1",
    ]


def is_clean(image):
    done = subprocess.run(["/sbin/e2fsck", "-fn", image], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def from_partition(disk, number, target):
    table = subprocess.run(["/sbin/sfdisk", "-d", disk], check=True, capture_output=True, text=True).stdout
    start, size = re.findall(r"start= *(\d+), size= *(\d+)", table)[number - 1]
    subprocess.run(["dd", f"if={disk}", f"of={target}", "bs=1M", f"skip={int(start) * 512}", f"count={int(size) * 512}",
                    "iflag=skip_bytes,count_bytes", "conv=sparse", "status=none"], check=True)
    return target


@pytest.mark.skipif(os.getuid() != 0, reason="a Debian root takes root rights to make")
def test_debian_from_a_file_and_from_a_partition(tmp_path):
    packed = source(tmp_path / "source")
    tree = tmp_path / "tree"
    tree.mkdir()
    subprocess.run(["tar", "-xf", packed, "-C", tree], check=True)
    whole, part = tmp_path / "whole.tar", tmp_path / "part.tar"
    subprocess.run(["tar", "-cf", whole, "-C", tree, SOURCE], check=True)
    subprocess.run(["tar", "-cf", part, "-C", tree, f"{SOURCE}/{PART}"], check=True)
    digests = {"file": digest(tree, DIGEST.format(SOURCE)), "part": digest(tree, DIGEST.format(f"{SOURCE}/{PART}"))}
    shutil.rmtree(tree)

    data = tmp_path / "data"
    data.mkdir()
    inner = root_image(tmp_path, "inner", "xvda1", whole, "4G")
    partitioned(data / "debian.img", ("root", inner))
    outer = filesystem(tmp_path / "outer.img", 5 << 10, options=("-d", data))
    shutil.rmtree(data)
    inner.unlink()
    disk = partitioned(tmp_path / "d.img", ("paravane", outer),
                       ("debian", root_image(tmp_path, "root", "xvda", part, "2G")))
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "file.cfg").write_text(CONFIG.format("file", "file:/data/debian.img"))
    (extra / "part.cfg").write_text(CONFIG.format("part", "phy:PARTLABEL=debian"))
    result = run_script(tmp_path, "paravane", [
        *work("part", SOURCE), *work("file", SOURCE), "df", "vmctl audit", "umount /data",
    ], EXTRA=extra, DISK=disk, MEM=2048, SMP=2, TIMEOUT=3000).ok()
    for guest, device in (("part", "xvda"), ("file", "xvda1")):
        at = f"vmctl console {guest} --send '"
        for command in ("systemctl", "findmnt", "tar", "sync", "find linux", "fio", "stress-ng"):
            assert "status=0" in result.of(at + command), command
        assert f"/dev/{device} " in result.of(at + "findmnt")
        assert digests[guest] in result.of(at + "find linux")
    assert "trimmed" in result.of("vmctl console part --send 'fstrim")
    is_clean(from_partition(disk, 2, tmp_path / "check.img"))
    is_clean(from_partition(disk, 1, tmp_path / "check.img"))
    subprocess.run(["/sbin/debugfs", "-R", f"dump /debian.img {tmp_path}/inner.img", tmp_path / "check.img"], check=True,
                   capture_output=True)
    is_clean(from_partition(tmp_path / "inner.img", 1, tmp_path / "check.img"))
