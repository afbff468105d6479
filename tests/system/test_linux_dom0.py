"""Debian's kernel, unchanged, as the initial domain: it reaches its own init on hvc0."""
import lzma
import os
import struct

from machine import initial_domain, main_kernel


def unpacked(kernel, target):
    """The ELF file in a bzImage: an initial domain's kernel has to be one."""
    data = kernel.read_bytes()
    start = (data[0x1f1] + 1) * 512 + struct.unpack_from("<I", data, 0x248)[0]
    length = struct.unpack_from("<I", data, 0x24c)[0]
    target.write_bytes(lzma.LZMADecompressor().decompress(data[start:start + length]))
    return target


def test_debian_kernel_is_the_initial_domain(hv, tmp_path):
    output = initial_domain(tmp_path, hv, unpacked(main_kernel(), tmp_path / "vmlinux"),
                            "echo initial-domain-$(cat /sys/hypervisor/type)-up\n"
                            "grep -c ^processor /proc/cpuinfo\n"
                            "cat /sys/hypervisor/properties/features\n"
                            "poweroff -f\n")
    assert "initial-domain-xen-up" in output, output[-3000:]
    os.remove(tmp_path / "vmlinux")
