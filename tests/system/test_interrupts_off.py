"""The longest stretch with interrupts off, over all test guests and hostile programs, with a screen
to draw on.  One virtual CPU counts instructions: the figure does not depend on the machine the test
runs on."""
from machine import BUILD, ROOT, run_script
from test_hostile import CASES, CONFIG, FATAL, PROGRAMS, VOICELESS

LIMIT = 500000 # instructions
ATTACKS = [*CASES, *PROGRAMS]
ATTACK_MS = 100 # of virtual time, where a case goes on for a time
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
    for name in {"hostile", *(row[0] for row in PROGRAMS.values())}:
        (extra / f"{name}.elf").symlink_to((BUILD / f"tests/hostile/{name}.elf").resolve())
    for case in CASES:
        (extra / f"h-{case}.cfg").write_text(
            CONFIG.format(case=f"{case} {ATTACK_MS}", program="hostile", vcpus=1, mode="direct"))
    for name, (program, vcpus, mode, line, _) in PROGRAMS.items():
        (extra / f"h-{name}.cfg").write_text(
            CONFIG.format(case=line, program=program, vcpus=vcpus, mode=mode))
    return extra


def blank_disk(tmp_path):
    """With it no demo guest starts."""
    disk = tmp_path / "blank.img"
    disk.write_bytes(bytes(8 << 20))
    return disk


def stretches(result, which):
    """What `vmctl counters --json -c` said: (figure, what it was for, entered by, ended in)."""
    found = [result.json(COUNTERS, i) for i in range(len(which))]
    return sorted(((c["longest_without_interrupts_cycles"], what, c["entered_by"], c["ended_in"])
                   for c, what in zip(found, which)), reverse=True)


def test_no_guest_keeps_interrupts_off(tmp_path):
    log = "cat /var/log/xen/console/guest-"
    which = []
    lines = []

    def look(what):
        which.append(what)
        return f"{COUNTERS} -c"

    lines.append(look("boot"))
    for name in GUESTS:
        lines += [f"vmctl create -q /extra/{name}.cfg", look(f"create {name}"),
                  f"try vmctl wait {name} --state shutdown --timeout 60", look(name),
                  f"vmctl destroy {name}", look(f"destroy {name}"), f"try {log}{name}.log",
                  look(f"log of {name}")]
    for case in ATTACKS:
        lines += [f"rm -f {log.split()[1]}hostile.log",
                  f"try vmctl create -q -F /extra/h-{case}.cfg", look(case),
                  f"try {log}hostile.log", look(f"log of {case}")]
    result = run_script(tmp_path, "paravane", lines, EXTRA=extra_folder(tmp_path), SMP=1,
                        QEMU_ARGS="-icount shift=0,sleep=off", TIMEOUT=300,
                        DISK=blank_disk(tmp_path)).ok()
    for name in GUESTS:
        assert "ok " in result.of(f"try {log}{name}.log"), f"{name} did not run"
    for i, case in enumerate(ATTACKS):
        if case in FATAL + VOICELESS:
            end = result.of(f"try vmctl create -q -F /extra/h-{case}.cfg")
            assert f"hostile: {'crashed' if case in FATAL else 'powered off'}" in end
        else:
            text = result.of(f"try {log}hostile.log", i)
            assert "done" in text, f"{case} did not come to its end\n{text}"
    figures = stretches(result, which)
    distinct = {f[0::2]: f for f in reversed(figures)}.values()
    print("longest stretches without interrupts (instructions):",
          *sorted(distinct, reverse=True)[:20], sep="\n  ")
    assert figures[0][0] > 1000, "nothing was counted"
    assert figures[0][0] < LIMIT, figures[:8]
