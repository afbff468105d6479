"""pvgrub as a guest: it reads the guest's disk through our backend and boots its kernel."""
from machine import run_script

CONFIG = """name = "grub"
bootloader = "pygrub"
memory = 256
disk = [ "phy:/dev/vda1,xvda,w" ]
"""


def test_pvgrub_boots_the_kernel_on_the_disk(hv, tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "grub.cfg").write_text(CONFIG)
    run_script(tmp_path, hv, [
        "vmctl destroy demo", "vmctl create /extra/grub.cfg",
        "vmctl console grub --expect 'demo:/# $' --timeout 150",
    ], EXTRA=extra, TIMEOUT=300).ok()
