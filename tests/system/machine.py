"""The whole machine for tests: tools/run with a script for dom0's shell, or at its prompt."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pexpect

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
RUN = ROOT / "tools" / "run"
QUICK = BUILD / "tests" / "quick" # the demo's kernel packed so that dom0 has unpacked it sooner
PROMPT = "dom0# "
# Time limits in tests are for a quiet machine; busy and slow ones get so much more.
PATIENCE = 3

# For machines on which a Linux with several vCPUs runs: it patches its own code, and QEMU 7.2, with a
# thread for each CPU, may go on with what was there before (its translator reads code without the
# lock under which stores to it drop translations; QEMU's deba78709a mends that).  Then a CPU runs
# into a breakpoint that was long gone, and the kernel stops.
PATCHES_ITSELF = {"THREADS": "one"}

# The demo's kernel as Debian packs it.
AS_SHIPPED = {"INITRD": ""}
# Enough to unpack that kernel; to give dom0 more takes time, since all of it is zeroed.
DOM0_MIB = 224

# Free memory and node count; Xen frees the last of a dead domain from a softirq some time later.
SETTLED = ["sleep 1", "vmctl info --json", "xenstore-control statistics"]


class Result:
    """What a headless run printed, by the script's lines."""

    def __init__(self, status, output):
        self.status = status
        self.output = output.replace("\r", "")
        self.parts = []
        for chunk in self.output.split("\n" + PROMPT)[1:]:
            line, _, text = chunk.partition("\n")
            line = re.sub(r"--timeout (\d+)", lambda m: f"--timeout {int(m[1]) // PATIENCE}", line)
            self.parts.append((line, text))

    def of(self, command, which=0):
        """The output of the script's which-th line that starts with command."""
        found = [text for line, text in self.parts if line.startswith(command)]
        assert len(found) > which, f"{command}: not run\n{self.tail()}"
        return found[which]

    def json(self, command, which=0):
        import json
        text = self.of(command, which)
        return json.loads(text[:max(text.rfind("]"), text.rfind("}")) + 1])

    def tail(self, lines=60):
        return "\n".join(self.output.splitlines()[-lines:])

    def ok(self):
        assert self.status == 0, f"status {self.status}\n{self.tail()}"
        return self


def demo_disk(folder):
    """A copy of the demo disk as it was made: runs see neither each other's writes nor the user's."""
    disk = pathlib.Path(folder) / "disk.img"
    if not disk.exists():
        subprocess.run(["cp", "--sparse=always", BUILD / "demo" / "pristine.img", disk], check=True)
    return disk


def environment(folder, hv, settings):
    if hv == "paravane" and not (BUILD / "hypervisor" / "paravane.gz").exists():
        import pytest
        pytest.skip("the hypervisor is not built")
    env = {**os.environ, "HV": hv, "BUILD": os.path.relpath(BUILD, ROOT)}
    for name in ("SCRIPT", "EXTRA", "DISK"):
        env.pop(name, None)
    env["DISK"] = str(demo_disk(folder))
    env["LINUX"] = "none" # it makes images larger; its own tests ask for it
    env["INITRD"] = str(QUICK / "initrd.cpio")
    env.update({key: str(value) for key, value in settings.items()})
    env.setdefault("DOM0_MEM", str(DOM0_MIB + size_mib(env.get("EXTRA"))))
    return env


def size_mib(folder):
    """Of all its files, links followed."""
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*")) >> 20 if folder else 0


def run_script(folder, hv, lines, **settings):
    """Runs the lines in dom0's shell and gives back what came."""
    script = pathlib.Path(folder) / "script"
    text = "\n".join(lines) + "\n"
    script.write_text(re.sub(r"--timeout (\d+)", lambda m: f"--timeout {PATIENCE * int(m[1])}", text))
    settings["TIMEOUT"] = PATIENCE * settings.get("TIMEOUT", 240)
    env = environment(folder, hv, {**settings, "SCRIPT": script})
    done = subprocess.run([RUN], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=settings["TIMEOUT"] + 60)
    output = done.stdout.decode(errors="replace")
    (pathlib.Path(folder) / "console.log").write_text(output)
    return Result(done.returncode, output)


def prompt(folder, hv, waits_for=PROMPT, **settings):
    """An interactive machine, at its prompt or at another line."""
    env = environment(folder, hv, settings)
    child = pexpect.spawn(str(RUN), env=env, encoding="utf-8", codec_errors="replace",
                          timeout=PATIENCE * 100, dimensions=(40, 120))
    child.logfile_read = open(pathlib.Path(folder) / "console.log", "w", encoding="utf-8")
    child.expect_exact(waits_for)
    return child


def free_kib(result, which=0):
    return result.json("vmctl info --json", which)["free_memory_kib"]


def same_memory(hv, result, first, second):
    """Ours gives every frame back; Xen's own structures come and go by a few pages."""
    difference = abs(free_kib(result, first) - free_kib(result, second))
    assert difference <= (0 if hv == "paravane" else 256), (
        f"{free_kib(result, first)} KiB free, then {free_kib(result, second)}\n{result.tail()}")


def nodes(result, which=0):
    return int(re.search(r"nodes (\d+)", result.of("xenstore-control statistics", which)).group(1))


def make_initrd(target, init, tools=()):
    """A busybox initramfs with this /init script."""
    work = pathlib.Path(str(target) + ".d")
    shutil.rmtree(work, ignore_errors=True)
    (work / "bin").mkdir(parents=True)
    for folder in ("proc", "sys", "dev", "tmp"):
        (work / folder).mkdir()
    shutil.copy(shutil.which("busybox") or "/bin/busybox", work / "bin" / "busybox")
    for applet in ("sh", "mount", "cat", "echo", "poweroff", "reboot", "sleep", "grep", "ls", "halt"):
        (work / "bin" / applet).symlink_to("busybox")
    for tool in tools:
        shutil.copy(tool, work / "bin")
        libraries = subprocess.run(["ldd", tool], capture_output=True, text=True).stdout
        for library in re.findall(r"(/\S+)", libraries):
            to = work / library[1:]
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, to)
    (work / "init").write_text("#!/bin/sh\nexport PATH=/bin\nmount -t proc proc /proc\n"
                               "mount -t sysfs sysfs /sys\nmount -t devtmpfs dev /dev\n" + init)
    (work / "init").chmod(0o755)
    packed = subprocess.run("find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0 | gzip -1n",
                            shell=True, cwd=work, capture_output=True, check=True).stdout
    pathlib.Path(target).write_bytes(packed)
    shutil.rmtree(work)


def initial_domain(folder, hv, vmlinux, init, options="", tools=(), firmware="bios"):
    """What Linux prints as the initial domain, with this /init script; that has to switch off."""
    make_initrd(folder / "rd.gz", init, tools)
    env = environment(folder, hv, {
        "DOM0": vmlinux, "DOM0_INITRD": folder / "rd.gz", "DOM0_MEM": 512, "HEADLESS": 1,
        "DOM0_CMDLINE": f"console=hvc0 earlyprintk=xen panic=1 {options}", "TIMEOUT": 540,
        "FIRMWARE": firmware, **PATCHES_ITSELF})
    done = subprocess.run([RUN], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=600)
    output = done.stdout.decode(errors="replace")
    (folder / "console.log").write_text(output)
    return output


def main_kernel():
    return BUILD / "demo" / "root0" / "boot" / "demo" / "vmlinuz"


def unpacked(kernel, target):
    """The ELF file in a bzImage: an initial domain's kernel has to be one."""
    with open(target, "wb") as out:
        subprocess.run([ROOT / "tests" / "unpack-kernel", kernel], stdout=out, check=True)
    return target


def linux_folder():
    """Our Linux for guests, or None if `make linux` has not built it."""
    cache = os.environ.get("CACHE") or pathlib.Path(
        os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "paravane"
    found = subprocess.run([ROOT / "tools/linux", cache, "--find"],
                           capture_output=True, text=True)
    return None if found.returncode else pathlib.Path(found.stdout.strip())


def small_kernel():
    """For tests that start Linux again and again: ours, which is up in a third of the time, if it is there."""
    found = linux_folder()
    return found / "vmlinuz" if found else QUICK / "vmlinuz"


if __name__ == "__main__":
    sys.exit("this is a part of the system tests")
