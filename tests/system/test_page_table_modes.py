"""Our patched Linux (make linux) as a guest in each page-table mode."""
import re
import shutil
import subprocess

import pexpect
import pytest

from machine import PATCHES_ITSELF, PATIENCE, QUICK, ROOT, initial_domain, make_initrd, run_script

CONFIG = """name = "{name}"
kernel = "/extra/{kernel}"
ramdisk = "/extra/{ramdisk}"
memory = 192
vcpus = {vcpus}
pgtable = "{mode}"
extra = "console=hvc0 quiet"
"""

# A root on its disk; the demo's own init greets and starts a shell.
DISK = """name = "{name}"
kernel = "/extra/vmlinuz"
memory = 192
vcpus = {vcpus}
root = "/dev/xvda rw"
extra = "console=hvc0 quiet xen_pgtable={mode}"
disk = [ "phy:PARTLABEL=paravane-demo,xvda,w" ]
"""

INIT = """
show() {
    for f in mode pte_hypercall pte_store upper_hypercall; do
        echo "paging $1 $f $(cat /sys/hypervisor/paging/$f)."
    done
}
show boot
user-pages 10 & user-pages 10; wait
i=0; while [ $i -lt 100 ]; do /bin/ls / >/dev/null; i=$((i+1)); done
show programs
busybox insmod /bin/xen-pv-mmu-selftest.ko rounds=5; echo insmod-$?
busybox dmesg | grep -E 'selftest|WARN|BUG|Oops|multicall'
show selftest
echo all-done
while :; do sleep 1000; done
"""

# An initial domain finds the devices of the machine by PCI and ACPI.
INITIAL = """
show() {
    for f in mode pte_hypercall pte_store; do
        echo "paging $1 $f $(cat /sys/hypervisor/paging/$f)."
    done
}
show boot
user-pages 3
show programs
echo pci-$(ls /sys/bus/pci/devices | grep -c .)-acpi-$(ls /sys/firmware/acpi/tables | grep -c APIC)
busybox dmesg | grep -E 'WARN|BUG|Oops|multicall'
poweroff -f
"""

CPUS = "echo cpus-$(grep -c ^processor /proc/cpuinfo)-$(cat /sys/hypervisor/paging/mode)"


def modes_of(hv):
    """Xen's PV domains all keep their own tables."""
    return ("direct", "writable", "shadow") if hv == "paravane" else ("direct", "writable")


@pytest.fixture(scope="module")
def extra(linux, tmp_path_factory):
    folder = tmp_path_factory.mktemp("modes")
    shutil.copy(linux / "vmlinuz", folder)
    shutil.copy(QUICK / "vmlinuz", folder / "stock")
    program = folder / "user-pages"
    subprocess.run(["gcc", "-O2", "-static", "-o", program,
                    ROOT / "tests" / "system" / "user-pages.c"], check=True)
    module, = linux.glob("lib/modules/*/kernel/arch/x86/xen/xen-pv-mmu-selftest.ko")
    make_initrd(folder / "rd.gz", INIT, tools=(program, module))
    for mode in ("direct", "writable", "shadow"):
        (folder / f"{mode}.cfg").write_text(CONFIG.format(
            name=mode, mode=mode, vcpus=2, kernel="vmlinuz", ramdisk="rd.gz"))
        (folder / f"stock-{mode}.cfg").write_text(CONFIG.format(
            name="stock", mode=mode, vcpus=1, kernel="stock", ramdisk="rd.gz"))
        (folder / f"{mode}-4.cfg").write_text(DISK.format(name=f"{mode}-4", mode=mode, vcpus=4))
    return folder


def counts(text, when):
    """{"mode": ..., "pte_store": ...} as the guest saw them."""
    return {name: int(value) if value.isdigit() else value
            for name, value in re.findall(rf"paging {when} (\w+) (\w+)\.", text)}


def test_modes(hv, extra, tmp_path):
    lines = ["vmctl destroy demo", "vmctl info"]
    for mode in modes_of(hv):
        lines += [f"vmctl create /extra/{mode}.cfg",
                  f"vmctl console {mode} --expect 'all-done' --timeout 200",
                  f"try vmctl list -v {mode}", f"try vmctl counters --json {mode}",
                  *(["vmctl audit"] if hv == "paravane" else []),
                  f"vmctl destroy {mode}"]
    result = run_script(tmp_path, hv, lines, EXTRA=extra, TIMEOUT=500, **PATCHES_ITSELF).ok()
    assert " ".join(modes_of(hv)) in result.of("vmctl info")
    seen = {}
    for mode in modes_of(hv):
        text = result.of(f"vmctl console {mode}")
        assert text.count("user-pages: 10 rounds, ok") == 2, text
        assert "xen-pv-mmu-selftest: 5 rounds, ok" in text and "insmod-0" in text, text
        assert not re.search("WARN|BUG|Oops|multicall", text), text
        seen[mode] = counts(text, "selftest")
        assert seen[mode]["mode"] == mode
        assert mode in result.of(f"try vmctl list -v {mode}").splitlines()[1].split()[-2:]
    assert seen["direct"]["pte_store"] == 0
    assert seen["writable"]["pte_store"] > 10000
    assert seen["writable"]["pte_hypercall"] < seen["direct"]["pte_hypercall"] / 100
    if hv == "paravane":
        counted = {mode: result.json(f"try vmctl counters --json {mode}") for mode in modes_of(hv)}
        assert counted["writable"]["emulated_writes"] > 2 * counted["direct"]["emulated_writes"]
        # All hypercalls together say little: a console that waits for a busy dom0 yields and yields.
        assert counted["shadow"]["page_faults"] > counted["direct"]["page_faults"]
        assert seen["shadow"]["pte_hypercall"] == seen["shadow"]["upper_hypercall"] == 0


def test_roots_on_disks(extra, tmp_path):
    """The configs that come with it, with one vCPU; named on the kernel's command line, with four."""
    lines = ["vmctl destroy demo"]
    for mode in modes_of("paravane"):
        for guest, config, vcpus in ((f"demo-{mode}", f"/etc/vmctl/demo-{mode}.cfg", 1),
                                     (f"{mode}-4", f"/extra/{mode}-4.cfg", 4)):
            lines += [f"vmctl create {config}",
                      f"vmctl console {guest} --expect '# $' --timeout 60",
                      f"vmctl console {guest} --send '{CPUS}' --expect 'cpus-{vcpus}-{mode}' "
                      "--timeout 30",
                      "vmctl audit", f"vmctl shutdown -w {guest}",
                      f"try vmctl wait {guest} --state gone --timeout 10"]
    run_script(tmp_path, "paravane", lines, EXTRA=extra, LINUX="found", TIMEOUT=400, SMP=2,
               **PATCHES_ITSELF).ok()


@pytest.mark.parametrize("mode", ["direct", "writable"])
def test_as_initial_domain(mode, linux, extra, tmp_path):
    output = initial_domain(tmp_path, "paravane", linux / "vmlinux", INITIAL,
                            f"quiet xen_pgtable={mode}", [extra / "user-pages"])
    assert "user-pages: 3 rounds, ok" in output, output[-3000:]
    assert re.search(r"pci-[1-9]\d*-acpi-1", output), output[-3000:]
    assert not re.search("WARN|BUG|Oops|multicall", output), output[-3000:]
    before, seen = counts(output, "boot"), counts(output, "programs")
    assert seen["mode"] == mode
    used, unused = ("pte_hypercall", "pte_store")[::1 if mode == "direct" else -1]
    assert seen[used] > before[used] + 1000
    assert seen[unused] == before[unused]


def test_without_a_hypervisor(extra):
    """The same image on the bare machine."""
    child = pexpect.spawn("qemu-system-x86_64", [
        "-accel", "tcg,thread=single", "-cpu", "max,-smap", "-smp", "2", "-m", "512", "-display", "none",
        "-serial", "stdio", "-monitor", "none", "-no-reboot", "-kernel", str(extra / "vmlinuz"),
        "-initrd", str(extra / "rd.gz"), "-append", "console=ttyS0 quiet panic=1"],
        encoding="utf-8", codec_errors="replace", timeout=PATIENCE * 100)
    try:
        child.expect_exact("all-done")
        assert child.before.count("user-pages: 10 rounds, ok") == 2, child.before
        assert not re.search("WARN|BUG|Oops", child.before), child.before
    finally:
        child.terminate(force=True)


@pytest.mark.parametrize("hv,why", [
    ("paravane", "stock: kernel: it cannot run with pgtable = \"shadow\""),
    ("xen", "shadow: this hypervisor does not know pgtable = \"shadow\"")])
def test_refused(hv, why, extra, tmp_path):
    config = "stock-shadow" if hv == "paravane" else "shadow"
    result = run_script(tmp_path, hv, [f"! vmctl create /extra/{config}.cfg", "vmctl list --json"],
                        EXTRA=extra).ok()
    assert why in result.of("! vmctl create")
    assert [d["name"] for d in result.json("vmctl list --json")] == ["Domain-0", "demo"]
