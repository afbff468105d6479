"""docs/extending-the-abi.md, followed to the letter in a copy of the tree."""
import os
import re
import shutil
import subprocess

from machine import ROOT

PLACE = re.compile(r"In\s`([^`]+)`,\s(at the end|a new file|before the last|before|after)\s?(?:`([^`]+)`)?:$")
PARTS = ("domU-pv-linux-patches", "hypercall-abi", "hypervisor", "dom0", "split-drivers", "tools", "tests", "docs", "Makefile")


def steps():
    """(path, where, marker, text) of each piece of code the page says to put somewhere."""
    paragraphs = re.split(r"\n\n(?=\S)|\n\n(?=    )", (ROOT / "docs/extending-the-abi.md").read_text())
    for before, block in zip(paragraphs, joined(paragraphs)):
        place = PLACE.search(before.replace("\n", " "))
        if place and block:
            yield (*place.groups(), block)


def joined(paragraphs):
    """For each paragraph, the whole indented block that follows it, without the indent."""
    for i in range(len(paragraphs)):
        block = []
        for text in paragraphs[i + 1:]:
            if not text.startswith("    "):
                break
            block.append("\n".join(line[4:] for line in text.splitlines()))
        yield "\n\n".join(block) + "\n" if block else ""


def follow(tree, path, where, marker, text):
    file = tree / path
    if where == "a new file":
        assert not file.exists()
        file.write_text(text)
        return
    old = file.read_text()
    if where == "at the end":
        at = len(old)
    elif where == "before the last":
        at = old.rindex(marker)
    elif where == "before":
        at = old.index(marker)
    else:
        at = old.index(marker) + len(marker) + 1
    file.write_text(old[:at] + text + ("" if where == "after" else "\n") + old[at:])


def test_extending_the_abi(tmp_path):
    tree = tmp_path / "tree"
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        tree.mkdir(exist_ok=True)
        copy(ROOT / part, tree / part)
    done = [follow(tree, *step) for step in steps()]
    assert len(done) == 6
    environment = {**os.environ, "BUILD": "build"}
    subprocess.run([tree / "tools/hypercall-docs"], cwd=tree, check=True)
    assert "uptime" in (tree / "docs/hypercalls/paravane_op.md").read_text()
    subprocess.run(["make", "-j2", "build/hypervisor/paravane.gz", "build/tests/guest/uptime.gz"],
                   cwd=tree, env=environment, check=True)
    guest = tree / "build/tests/guest/uptime.gz"
    result = subprocess.run([tree / "tools/run"], timeout=600, stdout=subprocess.PIPE, env={
        **environment, "HEADLESS": "1", "TIMEOUT": "120", "MEM": "512", "DOM0_MEM": "64",
        "DISK": "none", "DOM0": str(guest), "DOM0_INITRD": str(guest)})
    lines = re.findall(rb"^(?:ok|FAIL).*?(?=\r?$)", result.stdout, re.M)
    assert lines[:4] == [b"ok uptime", b"ok again", b"ok it goes up", b"ok wild pointer"], result.stdout
    assert not any(line.startswith(b"FAIL") for line in lines)
