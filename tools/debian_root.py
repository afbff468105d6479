"""A Debian root for guests of long runs, made from Debian's packages: fetched once, kept in the cache.
Takes root rights (chroot) and apt's archive; the host's own packages are not looked at."""
import os
import re
import shutil
import subprocess

ESSENTIAL = ["base-files", "base-passwd", "bash", "bsdutils", "coreutils", "dash", "debianutils",
             "diffutils", "dpkg", "findutils", "grep", "gzip", "hostname", "init-system-helpers",
             "libc-bin", "login", "mawk", "ncurses-base", "ncurses-bin", "perl-base", "sed",
             "sysvinit-utils", "tar", "util-linux", "usr-is-merged"]
# What others' maintainer scripts stand on, as debootstrap has it.
FIRST = ["base-passwd", "base-files", "dpkg", "libc6", "perl-base", "mawk", "debconf"]
CHROOT = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C",
          "DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true"]


def run(*command, **more):
    return subprocess.run(command, check=True, **more)


def output(*command):
    return run(*command, stdout=subprocess.PIPE, text=True).stdout


def download(folder, names):
    """The packages' files, from apt's archive."""
    os.makedirs(folder)
    os.chmod(folder, 0o777)
    run("apt-get", "download", "-q", *names, cwd=folder, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)


def unpack(packages, folder, root):
    """Fetches them and all they depend on, and unpacks that, without any script run."""
    wanted = output("apt-get", "install", "-s", "--no-install-recommends", "-o",
                    "Dir::State::status=/dev/null", *packages)
    download(folder, re.findall(r"^Inst (\S+)", wanted, re.M))
    for name in ("bin", "sbin", "lib", "lib64"):
        os.makedirs(os.path.join(root, "usr", name))
        os.symlink("usr/" + name, os.path.join(root, name))
    for deb in sorted(os.listdir(folder)):
        run("sh", "-c", 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"',
            "sh", os.path.join(folder, deb), root)
    if not os.path.lexists(os.path.join(root, "usr/bin/awk")):
        os.symlink("mawk", os.path.join(root, "usr/bin/awk"))


def configure(folder, root):
    """Has dpkg in there install what lies unpacked, so that its database knows it."""
    os.mkdir(os.path.join(root, "deb"))
    for deb in os.listdir(folder):
        os.link(os.path.join(folder, deb), os.path.join(root, "deb", deb))
    for name in ("status", "available"):
        open(os.path.join(root, "var/lib/dpkg", name), "w", encoding="ascii").close()
    os.mknod(os.path.join(root, "dev/null"), 0o20666, os.makedev(1, 3))
    policy = os.path.join(root, "usr/sbin/policy-rc.d")
    with open(policy, "w", encoding="ascii") as out:
        out.write("#!/bin/sh\nexit 101\n") # no script starts a service here
    os.chmod(policy, 0o755)
    first = " ".join(f"/deb/{name}_*" for name in FIRST)
    steps = [f"dpkg --force-depends --force-unsafe-io --install {first}",
             "dpkg --force-depends --force-unsafe-io --unpack /deb/*.deb",
             "dpkg --force-unsafe-io --configure -a"]
    for step in steps:
        done = subprocess.run(["chroot", root, *CHROOT, "sh", "-c", step], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"{step}:\n{done.stdout[-4000:]}")
    os.unlink(policy)
    os.unlink(os.path.join(root, "dev/null"))
    shutil.rmtree(os.path.join(root, "deb"))


def make(target, packages, installed=False):
    """The root with these packages in the folder target, unless it is there already: only unpacked, or
    installed as dpkg does it, with all that is essential."""
    if os.path.isdir(target):
        return target
    new = target + ".new"
    shutil.rmtree(new, ignore_errors=True)
    root, folder = os.path.join(new, "root"), os.path.join(new, "deb")
    os.makedirs(root)
    unpack(packages + (ESSENTIAL if installed else []), folder, root)
    if installed:
        configure(folder, root)
    os.rename(root, target)
    shutil.rmtree(new)
    return target


def image(disk, root, size):
    """An ext4 file system of this size with what lies in root."""
    run("truncate", "-s", size, disk)
    run("mke2fs", "-q", "-t", "ext4", "-d", root, disk)
