"""Guests' disks that are files on dom0's ext4: with holes, through a reboot; who may have which."""
import hashlib
import re
import subprocess

import pytest

from machine import demo_disk, run_script
from test_storage import copy, dumped, filesystem, first_partition, is_clean, partitioned

MIB, ROOT_MIB = 560, 384
CONSOLE = "vmctl console demo "
READY = CONSOLE + "--expect 'demo:/# $' --timeout 90"
CONFIG = ('name = "{0}"\nkernel = "/boot/demo/vmlinuz"\nramdisk = "/boot/demo/initrd.gz"\n'
          'root = "/dev/xvda rw"\nextra = "console=hvc0"\nmemory = 128\ndisk = [ "{1}" ]\n')
WRITE = ("head -c 8388608 /dev/urandom > /root/big && sync && sha256sum /root/big > /root/sum && "
         "echo 3 > /proc/sys/vm/drop_caches; sha256sum -c /root/sum; echo w-$?")
# Holes are read, then filled in part.
HOLES = ("mknod /root/xvdb b 202 16; dd if=/root/xvdb bs=1M count=30 2>/dev/null | tr -d \"\\\\000\" | wc -c; "
         "dd if=/root/big of=/root/xvdb bs=1536 seek=7000 conv=fsync 2>/dev/null; "
         "echo 3 > /proc/sys/vm/drop_caches; dd if=/root/xvdb bs=1536 skip=7000 count=1000 2>/dev/null | cmp -n 1536000 - /root/big; "
         "echo h-$?")


def typed(line, answer):
    return f"{CONSOLE} --send '{line}' --expect '{answer}\\r' --timeout 150"


def disk_with_root(tmp_path):
    """The demo's root, with holes, as a file on the partition called paravane."""
    folder = tmp_path / "data"
    folder.mkdir()
    whole, root = demo_disk(tmp_path), folder / "root.img"
    subprocess.run(["dd", f"if={whole}", f"of={root}", "bs=1M", "skip=1", f"count={ROOT_MIB}", "conv=sparse",
                    "status=none"], check=True)
    (folder / "short").write_bytes(b"short")
    data = filesystem(tmp_path / "p.img", MIB, options=("-d", folder))
    root.unlink()
    return partitioned(tmp_path / "d.img", ("paravane", data))


def configs(tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    for name, disk in {"demo": "file:/data/root.img,xvda,w", "other": "/data/root.img,raw,xvda,r",
                       "none": "file:/data/none.img,xvda,w", "folder": "file:/data,xvda,w",
                       "ram": "file:/extra/ram.cfg,xvda,r", "short": "/data/short,xvda,r",
                       "format": "/data/root.img,qcow2,xvda,w"}.items():
        (extra / f"{name}.cfg").write_text(CONFIG.format(name, disk) + "#" * 600)
    return extra


REFUSED = {"other": "in use by guest demo", "none": "truncate -s 10G FILE", "folder": "directory",
           "ram": "put it on one of dom0's disks", "short": "shorter than a sector",
           "format": "qemu-img convert"}


@pytest.mark.seldom_on_xen
def test_a_file_is_a_disk(hv, tmp_path):
    disk, extra = disk_with_root(tmp_path), configs(tmp_path)
    attach = "vmctl block-attach demo "
    first = run_script(tmp_path, hv, [
        "vmctl create /extra/demo.cfg", READY, typed(WRITE, "w-0"), "! cat /data/root.img",
        "! echo x > /data/root.img", *(f"! vmctl create /extra/{name}.cfg" for name in REFUSED), "df",
        "truncate -s 64M /data/new.img", attach + "file:/data/new.img,xvdb,w", "vmctl block-list demo",
        "! " + attach + "file:/data/root.img,xvdc,r", attach + "file:/data/root.img,xvdc,w!",
        "vmctl block-detach demo xvdc", typed(HOLES, "h-0"), "rm /data/new.img", typed("sync; echo s-$?", "s-0"),
        "! umount /data", "vmctl block-detach demo xvdb", "vmctl shutdown -w demo", "sleep 1", "df",
        "umount /data",
    ], EXTRA=extra, DISK=disk, SMP=2, TIMEOUT=300).ok()
    for name, why in REFUSED.items():
        assert why in first.of(f"! vmctl create /extra/{name}.cfg"), name
    assert "busy" in first.of("! cat /data/root.img") and "busy" in first.of("! echo x")
    assert re.search(r"w +xvdb +/data/new.img", first.of("vmctl block-list demo"))
    assert re.search(r"^0\r?$", first.of(CONSOLE + " --send 'mknod"), re.M)
    second = run_script(tmp_path, hv, [
        "vmctl create /extra/demo.cfg", READY, typed("sha256sum -c /root/sum; echo again-$?", "again-0"),
        "vmctl shutdown -w demo", "sleep 1", "umount /data",
    ], EXTRA=extra, DISK=disk, SMP=1, TIMEOUT=300).ok()
    assert second.output
    outer, inner = first_partition(disk, tmp_path / "outer.img", MIB), tmp_path / "inner.img"
    is_clean(outer)
    inner.write_bytes(dumped(outer, "/root.img"))
    is_clean(inner)
    wanted = dumped(inner, "/root/sum").split()[0].decode()
    assert hashlib.sha256(dumped(inner, "/root/big")).hexdigest() == wanted
