"""Many guests and many times: vCPUs, machine CPUs, three at once, cycles, reboots, crashes."""
import pytest

from machine import SETTLED, make_initrd, nodes, run_script, same_memory

CONFIG = """name = "{name}"
kernel = "/boot/demo/vmlinuz"
ramdisk = "/extra/{ramdisk}"
memory = 128
vcpus = {vcpus}
extra = "console=hvc0 quiet {words}"
on_reboot = "{on_reboot}"
"""


def audit(hv):
    """Recounts every reference; only our hypervisor offers it, and it fails if a count is wrong."""
    return ["vmctl audit"] if hv == "paravane" else []


def extra_folder(folder, init, guests, on_reboot="restart"):
    extra = folder / "extra"
    extra.mkdir(exist_ok=True)
    make_initrd(extra / "rd.gz", init)
    for name, vcpus, words in guests:
        (extra / f"{name}.cfg").write_text(CONFIG.format(name=name, vcpus=vcpus, words=words,
                                                         ramdisk="rd.gz", on_reboot=on_reboot))
    return extra


COUNT = "echo cpus-$(grep -c ^processor /proc/cpuinfo)-up\nwhile :; do sleep 1000; done\n"


@pytest.mark.parametrize("smp", [1, 2, 4])
def test_vcpus(hv, smp, tmp_path):
    guests = [(f"g{n}", n, "") for n in (1, 2, 4)]
    extra = extra_folder(tmp_path, COUNT, guests)
    lines = ["vmctl destroy demo"]
    for name, vcpus, _ in guests:
        lines += [f"vmctl create /extra/{name}.cfg",
                  f"vmctl console {name} --expect 'cpus-{vcpus}-up' --timeout 90"]
    lines += ["vmctl list --json", *audit(hv), "try vmctl counters --json g2"]
    lines += [f"vmctl destroy {name}" for name, _, _ in guests]
    result = run_script(tmp_path, hv, lines, EXTRA=extra, SMP=smp, TIMEOUT=400).ok()
    assert [d["vcpus"] for d in result.json("vmctl list --json")[1:]] == [1, 2, 4]
    counters = "try vmctl counters --json g2"
    if hv == "paravane":
        never = [name for name, n in result.json(counters).items() if not n]
        assert never == [], result.of(counters)
    else:
        assert "only Paravane" in result.of(counters)


def test_create_destroy_cycles(hv, tmp_path):
    look = SETTLED
    cycle = ["vmctl create -q -p /etc/vmctl/demo.cfg", "vmctl destroy demo"]
    lines = ["vmctl destroy demo", *cycle, *look] + cycle * 50 + [*look, "xenstore-control check", *audit(hv)]
    result = run_script(tmp_path, hv, lines, TIMEOUT=400).ok()
    assert nodes(result, 0) == nodes(result, 1)
    same_memory(hv, result, 0, 1)


def test_guest_reboots(hv, tmp_path):
    """20 reboots the guest itself asks for, then it powers off."""
    extra = extra_folder(tmp_path, "echo turn-up\nreboot -f\n", [("turner", 1, "")])
    look = SETTLED
    lines = ["vmctl destroy demo", *look, "vmctl create /extra/turner.cfg"]
    for _ in range(20):
        # Between its end and its next start there is no such guest.
        lines += ["vmctl wait turner --state running --timeout 60",
                  "vmctl console turner --expect 'turn-up' --timeout 60", "sleep 0.5"]
    lines += ["vmctl wait turner --state running --timeout 60", "vmctl domid turner", *audit(hv), "vmctl destroy turner", *look, *audit(hv)]
    result = run_script(tmp_path, hv, lines, EXTRA=extra, TIMEOUT=500).ok()
    assert int(result.of("vmctl domid turner")) >= 5
    assert nodes(result, 0) == nodes(result, 1)
    same_memory(hv, result, 0, 1)


def test_a_crashing_guest_goes_alone(hv, tmp_path):
    extra = extra_folder(tmp_path, "echo c > /proc/sysrq-trigger\nsleep 1000\n",
                         [("crasher", 1, "panic=0")])
    result = run_script(tmp_path, hv, [
        "vmctl console demo --expect 'demo:/# $' --timeout 60",
        "sleep 1", "vmctl info --json",
        "try vmctl create -F /extra/crasher.cfg",
        "! vmctl create -q -F /extra/crasher.cfg",
        "vmctl list --json",
        "vmctl console demo --send 'echo still-$((40+2))' --expect 'still-42' --timeout 60",
        "sleep 1", "vmctl info --json",
    ], EXTRA=extra).ok()
    assert "crasher: crashed" in result.of("try vmctl create")
    assert [d["name"] for d in result.json("vmctl list --json")] == ["Domain-0", "demo"]
    same_memory(hv, result, 0, 1)


def test_foreground_statuses(hv, tmp_path):
    extra = extra_folder(tmp_path, "poweroff -f\n", [("off", 1, "")])
    result = run_script(tmp_path, hv, ["vmctl create -F /extra/off.cfg"], EXTRA=extra).ok()
    assert "off: powered off" in result.of("vmctl create")
