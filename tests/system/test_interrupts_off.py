"""The longest stretch with interrupts off, over all test guests and hostile programs.  One virtual
CPU counts instructions: the figure does not depend on the machine the test runs on."""
from machine import BUILD, ROOT, run_script
from test_hostile import CONFIG, PROGRAMS

LIMIT = 500000 # instructions
ATTACKS = ["event-storm", *PROGRAMS]
GUESTS = sorted(p.stem for p in (ROOT / "tests/guest").glob("*.c") if p.stem != "guest-test")
PRESERVED = ('name = "{name}"\nkernel = "/extra/{name}.elf"\nmemory = 32\nvcpus = 2\n'
             'on_poweroff = "preserve"\non_crash = "preserve"\n')
COUNTERS = "vmctl counters --json"


def extra_folder(tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    for name in GUESTS:
        (extra / f"{name}.elf").symlink_to((BUILD / f"tests/guest/{name}.elf").resolve())
        (extra / f"{name}.cfg").write_text(PRESERVED.format(name=name))
    for name in ["hostile", *PROGRAMS]:
        (extra / f"{name}.elf").symlink_to((BUILD / f"tests/hostile/{name}.elf").resolve())
    for case in ["event-storm"]:
        (extra / f"h-{case}.cfg").write_text(CONFIG.format(case=case, program="hostile", vcpus=1))
    for program, (vcpus, _) in PROGRAMS.items():
        (extra / f"h-{program}.cfg").write_text(
            CONFIG.format(case="", program=program, vcpus=vcpus))
    return extra


def blank_disk(tmp_path):
    """With it no demo guest starts."""
    disk = tmp_path / "blank.img"
    disk.write_bytes(bytes(8 << 20))
    return disk


def test_no_guest_keeps_interrupts_off(tmp_path):
    log = "cat /var/log/xen/console/guest-"
    lines = ["vmctl counters -c"]
    for name in GUESTS:
        lines += [f"vmctl create -q /extra/{name}.cfg",
                  f"try vmctl wait {name} --state shutdown --timeout 60",
                  f"vmctl destroy {name}", f"{COUNTERS} -c", f"try {log}{name}.log",
                  "vmctl counters -c"]
    for case in ATTACKS:
        lines += [f"rm -f {log.split()[1]}hostile.log", f"try vmctl create -q /extra/h-{case}.cfg",
                  "try vmctl wait hostile --state gone --timeout 60", "try vmctl destroy hostile",
                  f"{COUNTERS} -c", f"try {log}hostile.log", "vmctl counters -c"]
    result = run_script(tmp_path, "paravane", lines, EXTRA=extra_folder(tmp_path), SMP=1,
                        QEMU_ARGS="-icount shift=0,sleep=off -vga none", TIMEOUT=120,
                        DISK=blank_disk(tmp_path)).ok()
    for name in GUESTS:
        assert "ok " in result.of(f"try {log}{name}.log"), f"{name} did not run"
    for i, case in enumerate(ATTACKS):
        text = result.of(f"try {log}hostile.log", i)
        assert "done" in text, f"{case} did not come to its end\n{text}"
    found = [(result.json(COUNTERS, i), name)
             for i, name in enumerate([*GUESTS, *ATTACKS])]
    figures = sorted(((c["longest_without_interrupts_cycles"], name, c["entered_by"], c["ended_in"])
                      for c, name in found), reverse=True)
    print("longest stretches without interrupts (instructions):", *figures[:8], sep="\n  ")
    assert figures[0][0] > 1000, "nothing was counted"
    assert figures[0][0] < LIMIT, figures[:8]
