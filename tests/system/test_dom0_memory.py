"""dom0 without memory refuses work and goes on; what was given back can be had again."""
import re

from machine import AS_SHIPPED, BUILD, run_script

CONFIG = """name = "guest"
kernel = "/extra/hostile.elf"
memory = 8
cmdline = "spin"
"""

LARGE, MIDDLE, SMALL = "/boot/demo/vmlinuz", "/boot/demo/initrd.gz", "/extra/hostile.elf"


def used(result, which):
    """KiB that somebody holds: frames outside the heap, and what of the heap is malloc'ed."""
    text = result.of("free", which)
    frames = int(re.search(r"Mem: +\d+ +(\d+)", text).group(1))
    heap, allocated = map(int, re.search(r"Heap: +(\d+) +(\d+)", text).groups())
    return frames - heap + allocated


def test_memory_ends(tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "guest.cfg").write_text(CONFIG)
    (extra / "hostile.elf").write_bytes((BUILD / "tests" / "hostile" / "hostile.elf").read_bytes())
    fill = [(LARGE, 6), (MIDDLE, 6), (SMALL, 24)]
    files = [f"/tmp/{i}" for i in range(sum(n for _, n in fill))]
    kinds = [kind for kind, n in fill for _ in range(n)]
    lines = ["mkdir -p /tmp", "vmctl create -q /extra/guest.cfg", "sleep 0.5", "free"]
    lines += [f"try cp {kind} {file}" for kind, file in zip(kinds, files)]
    lines += [f"! cp {SMALL} /tmp/last", "free", "vmctl list", "xenstore-control check",
              "xenstore-write /one/more value", "xenstore-read /one/more", "xenstore-rm /one",
              "! vmctl create -q /etc/vmctl/demo.cfg disk=[]",
              "vmctl pause guest", "vmctl unpause guest", "vmctl destroy guest"]
    lines += [f"rm -f /tmp/last {' '.join(files)}", "vmctl create -q /extra/guest.cfg", "sleep 0.5",
              "free", f"cp {LARGE} /tmp/again"]
    result = run_script(tmp_path, "paravane", lines, EXTRA=extra, DOM0_MEM=56, TIMEOUT=120, **AS_SHIPPED).ok()
    assert "guest" in result.of("vmctl list")
    assert "not enough memory" in result.of("! vmctl create")
    assert used(result, 1) > used(result, 0) + 20000
    assert abs(used(result, 2) - used(result, 0)) <= 128, result.tail()
