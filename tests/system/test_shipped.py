"""What is shipped touches nothing by itself: the ISO of `make dist` and the files of `make install`
on a machine with a disk like a cloud VM's, at the prompt for a while, leave every byte of it."""
import os
import shutil
import subprocess

import pexpect
import pytest

from machine import BUILD, PROMPT, ROOT, demo_disk, prompt

GRUB_CONFIG = """set timeout=0
menuentry Paravane {
    insmod gzio
    multiboot2 /boot/paravane/paravane.gz console=com1
    module2 /boot/paravane/dom0.gz
    module2 /boot/paravane/initrd.cpio
}
"""
EARLY_CONFIG = "search --no-floppy --label cloud-root --set=root\nconfigfile ($root)/boot/grub/grub.cfg\n"
SECTOR, MIB = 512, 1 << 20
pytestmark = pytest.mark.xdist_group("shipped") # one disk for all of them


def make(*words, environment=None):
    subprocess.run(["make", "-s", f"BUILD={os.path.relpath(BUILD, ROOT)}", *words], cwd=ROOT, check=True,
                   env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL)


def install(folder):
    make("install", f"DESTDIR={folder}")


def cloud_disk(folder, root):
    """GPT: root ext4, bios boot partition, ESP with GRUB, numbered as Debian's cloud images do."""
    disk, part = folder / "cloud.img", folder / "part"
    subprocess.run(["truncate", "-s", "320M", disk], check=True)
    subprocess.run(["/sbin/sfdisk", "-q", disk], text=True, check=True, input=(
        "label: gpt\n"
        "14 : start=2048, size=6144, type=21686148-6449-6E6F-744E-656564454649\n"
        "15 : start=8192, size=65536, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\n"
        "1 : start=79872, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n"))
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc" / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    subprocess.run(["truncate", "-s", "256M", part], check=True)
    subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", "-L", "cloud-root", "-d", root, part], check=True)
    write_at(disk, part, 79872 * SECTOR)
    (folder / "early.cfg").write_text(EARLY_CONFIG)
    subprocess.run(["grub-mkimage", "-O", "x86_64-efi", "-p", "/boot/grub", "-o", folder / "grub.efi",
                    "-c", folder / "early.cfg", "part_gpt", "ext2", "search", "search_label", "normal",
                    "configfile", "multiboot2", "gzio", "serial", "test", "echo"], check=True)
    part.unlink()
    subprocess.run(["truncate", "-s", "32M", part], check=True)
    subprocess.run(["mformat", "-i", part, "::"], check=True)
    subprocess.run(["mmd", "-i", part, "::EFI", "::EFI/BOOT"], check=True)
    subprocess.run(["mcopy", "-i", part, folder / "grub.efi", "::EFI/BOOT/BOOTX64.EFI"], check=True)
    write_at(disk, part, 8192 * SECTOR)
    part.unlink()
    return disk


def write_at(disk, part, offset):
    subprocess.run(["dd", f"if={part}", f"of={disk}", "bs=1M", f"seek={offset // MIB}", "conv=notrunc,sparse",
                    "status=none"], check=True)


def same_bytes(disk, before):
    subprocess.run(["cmp", disk, before], check=True)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cloud")
    root = folder / "root"
    install(root)
    (root / "boot" / "grub").mkdir()
    (root / "boot" / "grub" / "grub.cfg").write_text(GRUB_CONFIG)
    return cloud_disk(folder, root)


def started_by_itself(folder, disk):
    """What `make run` with this disk adds for dom0 to start."""
    target, environment = folder / "initrd", {**os.environ, "BUILD": os.path.relpath(BUILD, ROOT)}
    program = f"import runpy; runpy.run_path('tools/run')['make_initrd']({str(target)!r})"
    subprocess.run(["/usr/bin/python3", "-c", program], cwd=ROOT, check=True,
                   env={**environment, "DISK": str(disk), "SCRIPT": "", "EXTRA": ""})
    return b"etc/vmctl/auto" in target.read_bytes()


def test_a_run_starts_the_demo_on_its_own_disk_only(cloud, tmp_path):
    assert not started_by_itself(tmp_path, cloud)
    assert not started_by_itself(tmp_path, "none")
    assert started_by_itself(tmp_path, demo_disk(tmp_path))


def stand_at_the_prompt(machine):
    """No key for a while; then a look, which must find the disk and nobody on it."""
    machine.send("sleep 10\r")
    machine.expect_exact("sleep 10")
    machine.expect_exact(PROMPT)
    for command, wanted in (("lsblk", "vda15 .* -"), ("ls /etc/vmctl", "demo.cfg"),
                            ("ls /etc/vmctl/auto", r"auto[^\n]*\n\r?"), ("vmctl list", "Domain-0")):
        machine.send(command + "\r")
        machine.expect(wanted)
        machine.expect_exact(PROMPT)
        assert "demo" not in machine.before
    machine.send("poweroff\r")
    machine.expect_exact("powering off")
    machine.expect(pexpect.EOF) # the machine is off: all it wrote is on the disk
    machine.close(force=True)


def test_the_iso(cloud, tmp_path):
    """Made after a run with all that a run can add, and shipped without it."""
    script = tmp_path / "script"
    script.write_text("poweroff\n")
    make("dist", environment={"SCRIPT": str(script), "CMDLINE": "maxcpus=7", "EXTRA": str(tmp_path),
                              "DOM0_CMDLINE": "nonsense"})
    iso, disk = BUILD / "dist" / "paravane.iso", tmp_path / "disk.img"
    shutil.copy(cloud, disk)
    subprocess.run(["xorriso", "-osirrox", "on", "-indev", iso, "-extract", "/boot/grub/grub.cfg",
                    tmp_path / "grub.cfg"], check=True, capture_output=True)
    menu = (tmp_path / "grub.cfg").read_text()
    assert "timeout=5" in menu and "smap=0" in menu
    assert "maxcpus" not in menu and "nonsense" not in menu
    assert menu.count("noreboot") == 1 # of the safe entry
    machine = prompt(tmp_path, "paravane", ISO=iso, DISK=disk, SMP=1)
    stand_at_the_prompt(machine)
    same_bytes(disk, cloud)


@pytest.mark.skipif(not os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"), reason="needs ovmf")
def test_the_installed_files(cloud, tmp_path):
    disk = tmp_path / "disk.img"
    shutil.copy(cloud, disk)
    machine = prompt(tmp_path, "paravane", ISO="none", DISK=disk, SMP=1, FIRMWARE="uefi")
    stand_at_the_prompt(machine)
    same_bytes(disk, cloud)
