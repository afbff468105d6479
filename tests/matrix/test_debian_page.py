"""docs/getting-started.md, "A Debian with systemd", line by line: the root, its disk, and the session."""
import os
import re
import shlex
import subprocess

import pexpect
import pytest

from machine import AS_SHIPPED, PATIENCE, ROOT, prompt

PLACE = "/srv/debian" # the page's; the test has one of its own
# What a busy machine needs to keep systemd from giving up a device, in place of 90 seconds.
PATIENT = "systemd.default_timeout_start_sec=900"
PROMPTS = ("dom0# ", "debian login: ", "Password: ", "root@debian:~# ")


def blocks(place):
    """The section's pieces of code."""
    page = (ROOT / "docs/getting-started.md").read_text()
    section = page.split("## A Debian with systemd\n")[1].split("\n## ")[0]
    found = re.findall(r"(?:^    .*\n)+", section, re.M)
    return [re.sub("^    ", "", block, flags=re.M).replace(PLACE, str(place)) for block in found]


def on_the_host(script):
    """What the page has typed in a shell; `make deps` has installed what it needs."""
    lines = [line for line in script.splitlines(True) if not line.startswith("apt-get update")]
    done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", "".join(lines)], text=True,
                          env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"{script}\n{done.stdout[-4000:]}"
    return done.stdout


def session(machine, lines):
    """Types what stands behind each prompt; of other lines all words must come, "..." is anything."""
    at_prompt = True # machine.prompt() has seen the first
    for line in lines:
        start = next((start for start in PROMPTS if line.startswith(start)), None)
        if not start:
            if line != "...":
                machine.expect(r"[ \t]+".join(map(re.escape, line.split())))
            continue
        if not at_prompt:
            machine.expect_exact(start)
        at_prompt = False
        typed = line[len(start):]
        if typed == "^]":
            machine.send("\x1d")
        else:
            machine.sendline(typed)
    machine.expect(pexpect.EOF)


@pytest.mark.skipif(os.getuid() != 0, reason="a Debian root takes root rights to make")
def test_the_page_as_it_stands(tmp_path):
    place = tmp_path / "debian"
    *host, start, talk, after = blocks(place)
    assert "mmdebstrap" in host[0] and talk.startswith("dom0# vmctl create")
    for script in host:
        on_the_host(script)
    config = place / "extra/debian.cfg"
    config.write_text(config.read_text().replace("loglevel=4", f"loglevel=4 {PATIENT}"))
    command, target, *settings = shlex.split(start)
    assert (command, target) == ("make", "run")
    machine = prompt(tmp_path, "paravane", **AS_SHIPPED, DOM0_MEM="",
                     **dict(word.split("=", 1) for word in settings))
    machine.timeout = PATIENCE * 200
    try:
        session(machine, talk.splitlines())
    finally:
        machine.close(force=True)
    assert machine.exitstatus == 0
    assert "kept" in on_the_host(after).splitlines()[-1]
