"""The bench's guest on Xen 4.17 with a Linux dom0 as most people have it: blkback, the disk's hotplug
script, and `xl create`.
"""
import os
import pathlib
import re
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
os.environ["BUILD"] = str(ROOT / os.environ.get("BUILD", "build"))
sys.path[:0] = [str(ROOT / "tests/system"), str(ROOT / "tests/matrix")]
# pylint: disable=wrong-import-position
import linux_dom0  # noqa: E402

XL = pathlib.Path("/usr/lib/xen-4.17/bin/xl")
PROGRAMS = [XL, "/bin/bash", "/usr/bin/stat", "/usr/bin/flock", "/usr/sbin/losetup",
            *(f"/usr/bin/xenstore-{verb}" for verb in ("read", "exists", "rm", "list", "ls"))]
SCRIPT = """ln -s /proc/self/fd /dev/fd; ln -s fd/0 /dev/stdin; ln -s fd/1 /dev/stdout; ln -s fd/2 /dev/stderr
echo bench-dom0-ready
xl create /extra/bench.cfg || cat /var/log/xen/xen-hotplug.log
echo bench-created
said bench bench-end 1500
cat /var/log/xen/console/guest-bench.log
"""


def prepare(work, extra, disk, **settings):
    """The environment for tools/run."""
    folder = pathlib.Path(work) / "xen-linux"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = {path.name: path.read_bytes() for path in pathlib.Path(extra).iterdir()}
    return linux_dom0.prepare(folder, SCRIPT, files, 1500, programs=PROGRAMS, more=["/etc/xen/scripts", "/lib/x86_64-linux-gnu/libgcc_s.so.1"],
                              modules=["virtio_blk", "virtio_pci", "xen-blkback", "loop"],
                              CMDLINE="console=com1", DISK=disk, SMP="1", MEM="2048", **settings)


def times(lines):
    """How long dom0 took to come up and the guest to be created, by when lines appeared."""
    def when(pattern):
        return next((at for at, line in lines if re.search(pattern, line)), None)
    first, ready, created = when(r"^\(XEN\)"), when("^bench-dom0-ready"), when("^bench-created")
    found = {}
    if None not in (first, ready):
        found["boot-to-dom0-ready"] = ready - first
    if None not in (ready, created):
        found["create-guest"] = created - ready
    return found
