"""Our patched Linux (make linux) as a guest in direct and in writable page-table mode."""
import re
import shutil
import subprocess

from machine import ROOT, make_initrd, run_script

CONFIG = """name = "{mode}"
kernel = "/extra/vmlinuz"
ramdisk = "/extra/rd.gz"
memory = 192
vcpus = 2
extra = "console=hvc0 quiet xen_pgtable={mode}"
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


def extra_folder(folder, linux):
    extra = folder / "extra"
    extra.mkdir()
    shutil.copy(linux / "vmlinuz", extra)
    program = folder / "user-pages"
    subprocess.run(["gcc", "-O2", "-static", "-o", program,
                    ROOT / "tests" / "system" / "user-pages.c"], check=True)
    module, = linux.glob("lib/modules/*/kernel/arch/x86/xen/xen-pv-mmu-selftest.ko")
    make_initrd(extra / "rd.gz", INIT, tools=(program, module))
    for mode in ("direct", "writable"):
        (extra / f"{mode}.cfg").write_text(CONFIG.format(mode=mode))
    return extra


def counts(text, when):
    """{"mode": ..., "pte_store": ...} as the guest saw them."""
    return {name: int(value) if value.isdigit() else value
            for name, value in re.findall(rf"paging {when} (\w+) (\w+)\.", text)}


def test_direct_and_writable(hv, linux, tmp_path):
    lines = ["vmctl destroy demo"]
    for mode in ("direct", "writable"):
        lines += [f"vmctl create /extra/{mode}.cfg",
                  f"vmctl console {mode} --expect 'all-done' --timeout 200",
                  f"try vmctl counters --json {mode}",
                  *(["vmctl audit"] if hv == "paravane" else []),
                  f"vmctl destroy {mode}"]
    result = run_script(tmp_path, hv, lines, EXTRA=extra_folder(tmp_path, linux), TIMEOUT=500).ok()
    seen = {}
    for mode in ("direct", "writable"):
        text = result.of(f"vmctl console {mode}")
        assert text.count("user-pages: 10 rounds, ok") == 2, text
        assert "xen-pv-mmu-selftest: 5 rounds, ok" in text and "insmod-0" in text, text
        assert not re.search("WARN|BUG|Oops|multicall", text), text
        seen[mode] = counts(text, "selftest")
        assert seen[mode]["mode"] == mode
    assert seen["direct"]["pte_store"] == 0
    assert seen["writable"]["pte_store"] > 10000
    assert seen["writable"]["pte_hypercall"] < seen["direct"]["pte_hypercall"] / 100
    if hv == "paravane":
        direct, writable = (result.json(f"try vmctl counters --json {mode}")
                            for mode in ("direct", "writable"))
        assert writable["emulated_writes"] > 2 * direct["emulated_writes"]
        assert writable["hypercalls"] < direct["hypercalls"] / 2
