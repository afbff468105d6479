"""pvgrub as a guest: it reads the guest's disk through our backend and boots its kernel."""
import os
import subprocess

import pytest

from machine import run_script

MODULES = ("ext2 part_gpt part_msdos search search_fs_file configfile linux normal echo test xzio "
           "gzio lzopio")

CONFIG = """name = "grub"
kernel = "/extra/grub-xen.elf"
memory = 256
disk = [ "phy:/dev/vda1,xvda,w" ]
"""


@pytest.mark.skipif(not os.path.isdir("/usr/lib/grub/x86_64-xen"), reason="needs grub-xen-bin")
def test_pvgrub_boots_the_kernel_on_the_disk(hv, tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    (tmp_path / "early.cfg").write_text("set root=(xen/xvda)\nset prefix=(xen/xvda)/boot/grub\n"
                                        "normal (xen/xvda)/boot/grub/grub.cfg\n")
    subprocess.run(["grub-mkimage", "-O", "x86_64-xen", "-p", "/boot/grub", "-c",
                    str(tmp_path / "early.cfg"), "-o", str(extra / "grub-xen.elf"),
                    *MODULES.split()], check=True)
    (extra / "grub.cfg").write_text(CONFIG)
    run_script(tmp_path, hv, [
        "vmctl destroy demo", "vmctl create /extra/grub.cfg",
        "vmctl console grub --expect 'demo:/# $' --timeout 150",
    ], EXTRA=extra, TIMEOUT=300).ok()
