"""Small kernels as guests: one after the other, and what each printed."""
import re
import shutil
import subprocess

from machine import BUILD


def of_old(kernel, target):
    """The kernel as such were before there were notes: a string in a section of its own."""
    symbols = dict(reversed(line.split()[::2]) for line in subprocess.run(
        ["nm", kernel], check=True, capture_output=True, text=True).stdout.splitlines())
    page = int(symbols["hypercall_page"], 16) >> 12
    words = ("GUEST_OS=paravane,XEN_VER=xen-3.0,VIRT_BASE=0x0,ELF_PADDR_OFFSET=0x0,"
             f"VIRT_ENTRY=0x{symbols['_start']},HYPERCALL_PAGE=0x{page:x},PAE=yes,LOADER=generic")
    text = target.with_suffix(".xen_guest")
    text.write_bytes(words.encode() + b"\0")
    subprocess.run(["objcopy", "--add-section", f"__xen_guest={text}",
                    "--set-section-flags", "__xen_guest=readonly,noload", kernel, target], check=True)
    text.unlink()
    image = target.read_bytes()
    assert image.count(b"Xen\0") > 5
    target.write_bytes(image.replace(b"Xen\0", b"was\0"))


def without_entry(kernel, target):
    """It starts where the ELF header says: its ENTRY note is of a type nobody knows."""
    image = kernel.read_bytes()
    note = b"\4\0\0\0\x08\0\0\0%c\0\0\0Xen\0"
    assert image.count(note % 1) == 1
    target.write_bytes(image.replace(note % 1, note % 99))


def config(folder, name, kernel, more=""):
    """A configuration in dom0's /extra."""
    image = folder / kernel
    if not image.exists():
        shutil.copy(BUILD / "tests" / kernel, image)
    (folder / f"{name}.cfg").write_text(
        f'name = "{name}"\nkernel = "/extra/{kernel}"\nmemory = 32\n'
        f'on_poweroff = "preserve"\non_crash = "preserve"\n{more}')


def run_lines(name, timeout=60):
    return [f"vmctl create -q /extra/{name}.cfg",
            f"vmctl wait {name} --state shutdown --timeout {timeout}",
            f"try cat /var/log/xen/console/guest-{name}.log", f"vmctl destroy {name}"]


def printed(result, name):
    text = result.of(f"try cat /var/log/xen/console/guest-{name}.log")
    return [line for line in text.splitlines() if re.match(r"\w+: ", line)]
