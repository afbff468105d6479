"""Guests for tests of the network: Debian's kernel, busybox, a network interface, and a script."""
import os
import pathlib
import re
import shutil
import subprocess

CACHE = pathlib.Path(os.environ.get("CACHE") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "paravane")

# net.x=y on the kernel's command line is $x; the interface has its address before the script.
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
while read -r module; do insmod /modules/$module; done < /modules/order
for word in $(cat /proc/cmdline); do case $word in net.*) export "${word#net.}" ;; esac; done
n=0
while [ ! -e /sys/class/net/eth0 ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
ip link set lo up
ip link set eth0 mtu ${mtu:-1500} up
[ -z "$ip" ] || ip addr add $ip/24 dev eth0
"""


def modules(tree, names):
    """What it takes to load these, in order."""
    linux = CACHE / "linux-image"
    version = os.listdir(linux / "lib/modules")[0]
    order = []
    for name in names:
        shown = subprocess.run(["modprobe", "-d", linux, "-S", version, "--show-depends", name],
                               check=True, capture_output=True, text=True,
                               env={**os.environ, "PATH": os.environ["PATH"] + ":/sbin:/usr/sbin"}).stdout
        order += [path for path in re.findall(r"^insmod (\S+)", shown, re.M) if path not in order]
    (tree / "modules").mkdir()
    for path in order:
        shutil.copy(path, tree / "modules")
    (tree / "modules/order").write_text("".join(os.path.basename(path) + "\n" for path in order))


def initrd(folder, script, drivers=("xen-netfront",), programs=()):
    """An initramfs that ends in this script, with static programs in /bin."""
    tree = folder / "tree"
    for name in ("bin", "proc", "sys", "dev", "tmp"):
        (tree / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "/bin/busybox", tree / "bin/busybox")
    for program in programs:
        shutil.copy(program, tree / "bin")
    modules(tree, drivers)
    (tree / "init").write_text(INIT + script)
    (tree / "init").chmod(0o755)
    target = folder / "initrd.gz"
    with open(target, "wb") as out:
        subprocess.run("find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0 | gzip -1n", shell=True,
                       cwd=tree, stdout=out, check=True)
    shutil.rmtree(tree)
    return target


def config(name, words="", **keys):
    """A guest's config, with the demo's kernel; the initramfs lies in /extra."""
    settings = {"kernel": '"/boot/demo/vmlinuz"', "memory": 256, "vcpus": 1, "vif": '[ "" ]', **keys}
    lines = [f'name = "{name}"', 'ramdisk = "/extra/initrd.gz"',
             f'extra = "console=hvc0 quiet panic=1 {words}"', 'on_crash = "destroy"']
    return "\n".join(lines + [f"{key} = {value}" for key, value in settings.items()]) + "\n"


def extra(folder, script, configs, **more):
    """A folder for EXTRA=: initramfs and configs by name."""
    target = folder / "extra"
    target.mkdir()
    shutil.move(initrd(folder, script, **more), target / "initrd.gz")
    for name, text in configs.items():
        (target / f"{name}.cfg").write_text(text)
    return target
