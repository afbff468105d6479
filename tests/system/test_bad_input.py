"""What a user can get wrong: one line that names thing, reason and remedy, and nothing left."""
import gzip
import os
import subprocess

import pytest

from machine import BUILD, ROOT, SETTLED, environment, main_kernel, nodes, run_script, same_memory

GOOD = {"name": '"bad"', "kernel": '"/boot/demo/vmlinuz"', "memory": "128"}


def config(**changes):
    keys = {**GOOD, **changes}
    return "".join(f"{key} = {value}\n" for key, value in keys.items() if value is not None)


def make_extra(folder):
    """Files that are wrong in one way each; what vmctl must say of them."""
    extra = folder / "extra"
    extra.mkdir()
    kernel = main_kernel().read_bytes()
    (extra / "truncated").write_bytes(kernel[:len(kernel) // 2])
    corrupt = bytearray(kernel)
    corrupt[len(kernel) // 2] ^= 0xff
    (extra / "corrupt").write_bytes(corrupt)
    (extra / "text").write_text("hello\n" * 1000)
    (extra / "empty").write_bytes(b"")
    elf = bytearray(open("/bin/busybox", "rb").read(65536))
    (extra / "notpv").write_bytes(elf)
    elf[4] = 1
    (extra / "elf32").write_bytes(elf)
    (extra / "gz").write_bytes(gzip.compress(b"nothing of use" * 100))
    cases = {
        "missing": (config(kernel='"/extra/nope"'), "kernel /extra/nope: No such file"),
        "truncated": (config(kernel='"/extra/truncated"'), "truncated"),
        "corrupt": (config(kernel='"/extra/corrupt"'), "corrupt"),
        "text": (config(kernel='"/extra/text"'), "neither ELF nor bzImage"),
        "empty": (config(kernel='"/extra/empty"'), "empty file"),
        "gz": (config(kernel='"/extra/gz"'), "neither ELF nor bzImage"),
        "notpv": (config(kernel='"/extra/notpv"'), "kernel /extra/notpv: "),
        "elf32": (config(kernel='"/extra/elf32"'), "32-bit kernel"),
        "ramdisk": (config(ramdisk='"/extra/nope"'), "ramdisk /extra/nope: No such file"),
        "memory": (config(memory="60000"), "not enough free memory"),
        "small": (config(memory="16"), "do not fit into 16 MiB"),
        "nodisk": (config(disk="['phy:/dev/vdz,xvda,w']"), "disk /dev/vdz: "),
        "busy": (config(disk="['phy:/dev/vda1,xvda,w']"), "in use by guest demo"),
        "whole": (config(disk="['phy:/dev/vda,xvda,w']"), "in use by guest demo"),
        "syntax": (config(disk="['phy:/dev/vda2']"), "no name for the guest"),
        "taken": (config(name='"demo"'), "a guest of this name is there already"),
        "key": (config(memmory="3"), 'unknown key "memmory" (did you mean "memory"?)'),
        "keys": (config(pci="['1']", sched='"x"', vnc="1"),
                 "2 keys cannot be used: pci (line 4): not supported yet; sched (line 5): unknown (take"),
        "vif": (config(vif="['mac=1']"), "vif \"mac=1\": mac: not an address for one interface"),
        "bridge": (config(vif="['bridge=nowhere']"), "there is no bridge nowhere"),
        "nokernel": (config(kernel=None), "no kernel given"),
    }
    for name, (text, _) in cases.items():
        (extra / f"{name}.cfg").write_text(text)
    (extra / "junk.cfg").write_bytes(os.urandom(2000))
    cases["junk"] = (None, "not a text file")
    return extra, {name: message for name, (_, message) in cases.items()}


# Numbers that are none: not as 0, and not for ever.
NO_NUMBERS = ["top -n x", "top -n -1", "top -d 99999999999", "wait demo --state gone --timeout x",
              "wait demo --state gone --timeout -5", "console demo --expect x --timeout x"]


@pytest.mark.seldom_on_xen
def test_bad_configs(hv, tmp_path):
    extra, cases = make_extra(tmp_path)
    look = ["vmctl list --json", *SETTLED]
    lines = ["vmctl console demo --expect 'demo:/# $' --timeout 60", *look]
    for name in cases:
        lines.append(f"! vmctl create /extra/{name}.cfg")
    lines += ["! vmctl create /extra/nonexistent.cfg", "! vmctl create /etc/vmctl/demo.cfg maxvcpus=0"]
    if hv == "paravane":
        lines += ["! vmctl create /etc/vmctl/demo.cfg 'name=\"other\"' disk=[] tsc_mode=1"]
    lines += [*look, "xenstore-control check"]
    lines += [f"! vmctl {words}" for words in NO_NUMBERS]
    lines += ["vmctl dmesg -c", "echo said-on-the-console", "try vmctl dmesg", "uptime"]
    result = run_script(tmp_path, hv, lines, EXTRA=extra).ok()
    for words in NO_NUMBERS:
        assert "usage: vmctl" in result.of(f"! vmctl {words}"), words
    if hv == "paravane":  # the log is the hypervisor's alone, and what was cleared is gone
        assert "CPUs: " in result.of("vmctl dmesg -c")
        assert not result.of("try vmctl dmesg").strip()
    for name, message in cases.items():
        said = result.of(f"! vmctl create /extra/{name}.cfg").strip()
        assert said.startswith("vmctl: ") and message in said and "\n" not in said, f"{name}: {said}"
        assert "(" in said, f"{name}: no remedy in: {said}"
    assert "vmctl: command line: maxvcpus: out of range" in result.of("! vmctl create /etc/vmctl/demo.cfg max")
    if hv == "paravane":
        assert "does not emulate the time-stamp counter" in result.of("! vmctl create /etc/vmctl/demo.cfg 'name")
    assert len(result.json("vmctl list --json", 1)) == 2
    same_memory(hv, result, 0, 1)
    assert nodes(result, 0) == nodes(result, 1)


@pytest.mark.parametrize("words", [["nonsense"], []])
def test_wrong_usage_has_status_2(words):
    done = subprocess.run([BUILD / "tools" / "vmctl", *words], capture_output=True, text=True)
    assert done.returncode == 2 and "vmctl" in done.stderr, done


def test_a_script_ends_with_its_commands_status(tmp_path):
    result = run_script(tmp_path, "paravane", ["vmctl wait demo"])
    assert result.status == 2, result.tail()


def test_so_does_the_make_that_ran_it(tmp_path):
    script = tmp_path / "script"
    script.write_text("vmctl list nobody\n")
    done = subprocess.run(["make", "-s", "run"], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True,
                          env=environment(tmp_path, "paravane", {"SCRIPT": script}), timeout=600)
    assert done.returncode == 1, done
    assert b"script: this line failed with status 1" in done.stdout
