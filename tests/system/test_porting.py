"""What docs/porting-a-kernel.md says: its example, which keeps its own page tables in shadow mode, and
kernels that say in other ways where they start."""
import re
import shutil

from kernels import config, of_old, printed, run_lines, without_entry
from machine import BUILD, run_script, same_memory

LINES = """\
pages that came when they were touched: 10
the first taken away: it reads as 0
page faults by now: 11
writes to a read-only page: 1
accessed and dirty bits: 0
after a read: 20
after a write: 60
user mode reads 1234
and of the kernel's nothing: error code 5
"""


def test_tiny(tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    shutil.copy(BUILD / "docs/tiny/tiny.elf", extra)
    config = (BUILD / "docs/tiny/tiny.cfg").read_text()
    lines = ["vmctl info --json"]
    for mode in ("shadow", "direct"):
        (extra / f"{mode}.cfg").write_text(
            config.replace('"tiny"', f'"{mode}"').replace('"shadow"', f'"{mode}"')
            + 'on_poweroff = "preserve"\non_crash = "preserve"\n')
        lines += [f"vmctl create -q /extra/{mode}.cfg",
                  f"vmctl wait {mode} --state shutdown --timeout 20",
                  f"vmctl list {mode}", "vmctl audit",
                  f"try cat /var/log/xen/console/guest-{mode}.log", f"vmctl destroy {mode}"]
    result = run_script(tmp_path, "paravane", [*lines, "vmctl info --json"], EXTRA=extra,
                        DISK="none").ok()
    first, _, rest = result.of("try cat").partition("\n")
    assert first.startswith("page tables of its own at ") and rest.splitlines() == LINES.splitlines(), rest
    states = [result.of(f"vmctl list {mode}").splitlines()[1].split()[4]
              for mode in ("shadow", "direct")]
    # With the machine's frame numbers to write it gives up.
    assert states == ["---s--", "---sc-"]
    same_memory("paravane", result, 0, 1)


def test_kinds_of_kernels(hv, tmp_path):
    """With all notes, with no ENTRY, with a string in a section from before there were notes."""
    extra = tmp_path / "extra"
    extra.mkdir()
    hello, vcpus = BUILD / "dom0/hello.elf", BUILD / "tests/many/vcpus.elf"
    shutil.copy(hello, extra / "notes.elf")
    without_entry(hello, extra / "header.elf")
    of_old(hello, extra / "string.elf")
    of_old(vcpus, extra / "vcpus.elf")
    lines = []
    for kernel in ("notes", "header", "string"):
        config(extra, kernel, f"{kernel}.elf", 'extra = "one two"\n')
        lines += run_lines(kernel)
    config(extra, "vcpus", "vcpus.elf", "vcpus = 4\n")
    result = run_script(tmp_path, hv, [*lines, *run_lines("vcpus")], SMP=2, EXTRA=extra,
                        DISK="none").ok()
    said = [[re.sub(r"\d+", "N", line) for line in printed(result, kernel)]
            for kernel in ("notes", "header", "string")]
    assert said[0] == said[1] == said[2], result.tail()
    assert said[0][0].endswith('command line "one two"') and said[0][-1] == "hello: done", said
    assert printed(result, "vcpus")[:3] == ["vcpus: 4", "vcpus: 3 answered", "vcpus: 3 woken"]
