"""Many guests and many times: vCPUs, machine CPUs, three at once, cycles, reboots, crashes."""
import shutil

import pytest

from machine import PATCHES_ITSELF, SETTLED, make_initrd, nodes, run_script, same_memory, small_kernel

CONFIG = """name = "{name}"
kernel = "/extra/vmlinuz"
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
    shutil.copy(small_kernel(), extra / "vmlinuz")
    make_initrd(extra / "rd.gz", init)
    for name, vcpus, words in guests:
        (extra / f"{name}.cfg").write_text(CONFIG.format(name=name, vcpus=vcpus, words=words,
                                                         ramdisk="rd.gz", on_reboot=on_reboot))
    return extra


COUNT = """echo cpus-$(grep -c ^processor /proc/cpuinfo)-up
until grep -q later /proc/cmdline && echo 1 > /sys/devices/system/cpu/cpu1/online; do sleep 1; done 2>/dev/null
echo cpus-$(grep -c ^processor /proc/cpuinfo)-later
while :; do sleep 1000; done
"""


@pytest.mark.seldom_on_xen
@pytest.mark.parametrize("hv,smp", [("paravane", 1), ("paravane", 2), ("paravane", 4), ("xen", 2)])
def test_vcpus(hv, smp, tmp_path):
    guests = [(f"g{n}", n, "") for n in (1, 2, 4)]
    extra = extra_folder(tmp_path, COUNT, [*guests, ("more", 1, "later")])
    lines = ["vmctl destroy demo", "vmctl create /extra/more.cfg maxvcpus=2",
             "vmctl console more --expect 'cpus-1-up' --timeout 90",
             "xenstore-write /local/domain/2/cpu/1/availability online",
             "vmctl console more --expect 'cpus-2-later' --timeout 30", "vmctl destroy more"]
    for name, vcpus, _ in guests:
        lines += [f"vmctl create /extra/{name}.cfg",
                  f"vmctl console {name} --expect 'cpus-{vcpus}-up' --timeout 90"]
    lines += ["vmctl list --json", *audit(hv), "try vmctl counters --json g2"]
    lines += [f"vmctl destroy {name}" for name, _, _ in guests]
    result = run_script(tmp_path, hv, lines, EXTRA=extra, SMP=smp, TIMEOUT=400, **PATCHES_ITSELF).ok()
    assert [d["vcpus"] for d in result.json("vmctl list --json")[1:]] == [1, 2, 4]
    counters = "try vmctl counters --json g2"
    if hv == "paravane":
        never = [name for name, n in result.json(counters).items() if not n]
        assert never == [], result.of(counters)
    else:
        assert "only Paravane" in result.of(counters)


@pytest.mark.seldom_on_xen
def test_create_destroy_cycles(hv, tmp_path):
    look = SETTLED
    cycle = ["vmctl create -q -p /etc/vmctl/demo.cfg", "vmctl destroy demo"]
    lines = ["vmctl destroy demo", *cycle, *look] + cycle * 30 + [*look, "xenstore-control check", *audit(hv)]
    result = run_script(tmp_path, hv, lines, TIMEOUT=400).ok()
    assert nodes(result, 0) == nodes(result, 1)
    same_memory(hv, result, 0, 1)


def turns(name, count):
    """It goes down and comes up again so often, by itself."""
    lines = [f"vmctl create /extra/{name}.cfg"]
    for _ in range(count):
        # Between its end and its next start there is no such guest.
        lines += [f"vmctl wait {name} --state running --timeout 60",
                  f"vmctl console {name} --expect 'turn-up' --timeout 60", "sleep 0.5"]
    return lines + [f"vmctl wait {name} --state running --timeout 60", f"vmctl domid {name}"]


@pytest.mark.seldom_on_xen
def test_guest_reboots(hv, tmp_path):
    """Reboots the guest itself asks for, until it is destroyed."""
    count = 4
    extra = extra_folder(tmp_path, "echo turn-up\nreboot -f\n", [("turner", 1, "")])
    lines = ["! vmctl domid demo", "ls /etc/vmctl/auto", *SETTLED, *turns("turner", count), *audit(hv),
             "vmctl destroy turner", *SETTLED, *audit(hv)]
    result = run_script(tmp_path, hv, lines, EXTRA=extra, TIMEOUT=500, DOM0_CMDLINE="autostart=off").ok()
    assert result.of("ls /etc/vmctl/auto") == "demo.cfg" # it was to be started
    assert int(result.of("vmctl domid turner")) >= count // 3
    assert nodes(result, 0) == nodes(result, 1)
    same_memory(hv, result, 0, 1)


@pytest.mark.seldom_on_xen
def test_ends_of_guests(hv, tmp_path):
    """One that crashes goes alone; -F says how a guest went."""
    extra = extra_folder(tmp_path, "case $(cat /proc/cmdline) in *panic*) echo c > /proc/sysrq-trigger;; esac\n"
                         "poweroff -f\n", [("crasher", 1, "panic=0"), ("off", 1, "")])
    result = run_script(tmp_path, hv, [
        "vmctl console demo --expect 'demo:/# $' --timeout 60",
        "sleep 1", "vmctl info --json",
        "try vmctl create -F /extra/crasher.cfg",
        "! vmctl create -q -F /extra/crasher.cfg",
        "vmctl list --json",
        "vmctl create -q /extra/crasher.cfg 'on_crash=\"preserve\"'", "vmctl wait crasher --state shutdown --timeout 60",
        "! vmctl unpause crasher", "! vmctl reboot crasher", "! vmctl shutdown -w crasher",
        "try vmctl audit crasher", "vmctl destroy crasher",
        "vmctl console demo --send 'echo still-$((40+2))' --expect 'still-42' --timeout 60",
        "sleep 1", "vmctl info --json", "vmctl create -F /extra/off.cfg",
    ], EXTRA=extra).ok()
    assert "crasher: crashed" in result.of("try vmctl create")
    assert [d["name"] for d in result.json("vmctl list --json")] == ["Domain-0", "demo"]
    for command in ("unpause", "reboot", "shutdown"):
        assert result.of(f"! vmctl {command}").startswith("vmctl: crasher: has ended: crashed (")
    assert result.of("try vmctl audit").count("\n") == 0 and ("0 differences" in result.of("try vmctl audit")) == (hv == "paravane")
    assert "off: powered off" in result.of("vmctl create -F /extra/off.cfg")
    same_memory(hv, result, 0, 1)
