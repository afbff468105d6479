"""The example kernel of docs/porting-a-kernel.md: it keeps its own page tables, in shadow mode."""
import shutil

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
