"""Debian's Linux as the initial domain on Xen, with Xen's own store and console daemons, netback, a
bridge and our vmctl: the other end of guests' frontends as most people have it."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from machine import BUILD, PATCHES_ITSELF, PATIENCE, RUN, environment, main_kernel, unpacked

XEN = pathlib.Path("/usr/lib/xen-4.17/bin")
TOOLS = [XEN / "xenstored", XEN / "xenconsoled", XEN / "xen-init-dom0", BUILD / "tools/vmctl",
         pathlib.Path("/usr/bin/xenstore-write")]
MODULES = ["xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd", "xenfs", "xen-netback", "bridge"]
CACHE = pathlib.Path(os.environ.get("CACHE") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "paravane")
ADDRESS = "10.0.2.15"
LOG = "/var/log/xen/console/guest-{}.log"

START = f"""#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
while read -r module; do insmod /modules/$module; done < /modules/order
mount -t xenfs xenfs /proc/xen
ln -s /run /var/run
mkdir -p /run/xenstored /run/xen /run/lock /run/xen-hotplug /var/lib/xen /var/lock /etc/xen
touch /etc/xen/xl.conf
mkdir -p /var/lib/xenstored /var/log/xen/console /dev/pts
mount -t devpts devpts /dev/pts
xenstored --pid-file /run/xenstored.pid
until xenstore-write /tool/started yes 2> /dev/null; do sleep 0.1; done
xen-init-dom0
xenconsoled --log=guest --log-dir=/var/log/xen/console --pid-file=/run/xenconsoled.pid
ip link set lo up
brctl addbr xenbr0
ip addr add {ADDRESS}/24 dev xenbr0
ip link set xenbr0 up
said() {{ # guest, text, seconds
    n=0
    until grep -q "$2" {LOG.format('$1')}; do
        sleep 1; n=$((n + 1)); [ $n -lt $3 ] || return 1
    done
}}
"""


def add_modules(tree, names):
    image = CACHE / "linux-image"
    version = os.listdir(image / "lib/modules")[0]
    shown = subprocess.run(["/usr/sbin/modprobe", "-d", image, "-S", version, "-a", "--show-depends", *names],
                           capture_output=True, text=True, check=True).stdout
    files = list(dict.fromkeys(re.findall(r"^insmod (\S+)", shown, re.M)))
    (tree / "modules").mkdir()
    for file in files:
        shutil.copy(file, tree / "modules")
    (tree / "modules/order").write_text("".join(os.path.basename(file) + "\n" for file in files))


def add_program(tree, program):
    shutil.copy(program, tree / "bin")
    libraries = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    for library in re.findall(r"(/[^\s:]+)(?: \(|$)", libraries, re.M):
        to = tree / library[1:]
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, to)


def make_initrd(folder, script, extra, modules, programs, more):
    tree = folder / "tree"
    for name in ("bin", "proc", "sys", "dev", "tmp", "run", "var/lib", "extra"):
        (tree / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin/busybox")
    add_modules(tree, [*modules, *MODULES])
    for tool in [*TOOLS, *programs]:
        add_program(tree, tool)
    for path in more:
        to = tree / str(path).lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if os.path.isdir(path) else shutil.copy)(path, to)
    for name, content in extra.items():
        (tree / "extra" / name).write_bytes(content)
    (tree / "init").write_text(START + script + "\necho matrix-end\npoweroff -f\n")
    (tree / "init").chmod(0o755)
    with open(folder / "rd.gz", "wb") as target:
        subprocess.run("find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0 | gzip -1n",
                       shell=True, cwd=tree, stdout=target, check=True)
    shutil.rmtree(tree)
    return folder / "rd.gz"


def prepare(folder, script, extra, seconds=200, modules=(), programs=(), more=(), **settings):
    """The environment in which tools/run runs the script as Linux's init on Xen; `extra` are files
    in /extra, by name, `programs` more of them in /bin, `more` other files and folders that are there as here,
    `modules` are loaded first."""
    return environment(folder, "xen", {
        "DOM0": unpacked(main_kernel(), folder / "vmlinux"),
        "DOM0_INITRD": make_initrd(folder, script, extra, modules, programs, more), "DOM0_MEM": 512,
        "HEADLESS": 1, "DOM0_CMDLINE": "console=hvc0 panic=1 quiet", "DISK": "none", "TIMEOUT": seconds,
        **PATCHES_ITSELF, **settings})


def run(folder, script, extra, seconds=200, **more):
    """What the script prints: prepare()."""
    if not all(tool.exists() for tool in TOOLS):
        pytest.skip("xen-utils-4.17 is not installed")
    seconds *= PATIENCE
    env = prepare(folder, script, extra, seconds, **more)
    done = subprocess.run([RUN], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds + 60)
    output = done.stdout.decode(errors="replace").replace("\r", "")
    (folder / "console.log").write_text(output)
    os.remove(folder / "vmlinux")
    assert "matrix-end" in output, output[-4000:]
    return output
