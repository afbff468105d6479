"""Debian's kernel, unchanged, as the initial domain: it reaches its own init on hvc0."""
import os

import pytest

from machine import initial_domain, main_kernel, unpacked


def test_debian_kernel_is_the_initial_domain(hv, tmp_path):
    output = initial_domain(tmp_path, hv, unpacked(main_kernel(), tmp_path / "vmlinux"),
                            "echo initial-domain-$(cat /sys/hypervisor/type)-up\n"
                            "grep -c ^processor /proc/cpuinfo\n"
                            "cat /sys/hypervisor/properties/features\n"
                            "poweroff -f\n")
    assert "initial-domain-xen-up" in output, output[-3000:]
    os.remove(tmp_path / "vmlinux")


@pytest.mark.seldom
def test_it_finds_acpi_where_uefi_started_the_machine(tmp_path):
    """By the table of tables, whose place the hypervisor knows from the boot loader."""
    output = initial_domain(tmp_path, "paravane", unpacked(main_kernel(), tmp_path / "vmlinux"),
                            "ls /sys/firmware\nls /sys/firmware/acpi/tables\n"
                            "echo tables-$([ -e /sys/firmware/acpi/tables/DSDT ] && echo there)\npoweroff -f\n",
                            firmware="uefi")
    assert "tables-there" in output, output[-3000:]
    os.remove(tmp_path / "vmlinux")
