"""Debian's kernel, unchanged, as the initial domain: it reaches its own init on hvc0."""
import lzma
import os
import struct
import subprocess

from machine import PATCHES_ITSELF, RUN, environment, main_kernel, make_initrd


def unpacked(kernel, target):
    """The ELF file in a bzImage: an initial domain's kernel has to be one."""
    data = kernel.read_bytes()
    start = (data[0x1f1] + 1) * 512 + struct.unpack_from("<I", data, 0x248)[0]
    length = struct.unpack_from("<I", data, 0x24c)[0]
    target.write_bytes(lzma.LZMADecompressor().decompress(data[start:start + length]))
    return target


def test_debian_kernel_is_the_initial_domain(hv, tmp_path):
    make_initrd(tmp_path / "rd.gz", "echo initial-domain-$(cat /sys/hypervisor/type)-up\n"
                                    "grep -c ^processor /proc/cpuinfo\n"
                                    "cat /sys/hypervisor/properties/features\n"
                                    "poweroff -f\n")
    env = environment(tmp_path, hv, {
        "DOM0": unpacked(main_kernel(), tmp_path / "vmlinux"),
        "DOM0_INITRD": tmp_path / "rd.gz", "DOM0_MEM": 512, "HEADLESS": 1,
        "DOM0_CMDLINE": "console=hvc0 earlyprintk=xen panic=1", "TIMEOUT": 540, **PATCHES_ITSELF})
    done = subprocess.run([RUN], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=600)
    output = done.stdout.decode(errors="replace")
    (tmp_path / "console.log").write_text(output)
    assert "initial-domain-xen-up" in output, output[-3000:]
    os.remove(tmp_path / "vmlinux")
