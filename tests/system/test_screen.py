"""The screen and the keyboard: the log, dom0's prompt, what is typed at it and what went by, as a user
without a serial line sees them."""
import json
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest

from machine import BUILD, PATIENCE, prompt

FONT_HEADER, GLYPH_WIDTH = 4, 8


class Monitor:
    """QEMU's machine protocol on a socket."""

    def __init__(self, path):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.connect(str(path))
        self.lines = self.connection.makefile("rw")
        self.lines.readline()  # its greeting
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.lines.flush()
        while True:
            answer = json.loads(self.lines.readline())
            if "event" not in answer:
                return answer["return"]


def glyphs():
    font = (BUILD / "hypervisor" / "font.psf").read_bytes()
    height = font[3]
    shapes = {}
    for c in range(0x20, 0x7f):
        shape = font[FONT_HEADER + c * height:FONT_HEADER + (c + 1) * height]
        shapes[shape] = chr(c)
        shapes[bytes(b ^ 0xff for b in shape)] = chr(c)  # under the cursor
    return height, shapes


def picture(monitor, folder):
    """Reads a screen shot by the font's own shapes."""
    file = pathlib.Path(folder) / "screen.ppm"
    monitor.ask("screendump", filename=str(file))
    head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", file.read_bytes())
    width, tall = int(head.group(1)), int(head.group(2))
    pixels = file.read_bytes()[head.end():]
    height, shapes = glyphs()
    lines = []
    for top in range(0, tall - height + 1, height):
        bits = [[pixels[((top + y) * width + x) * 3 + 1] > 64 for x in range(width)]
                for y in range(height)]
        line = ""
        for left in range(0, width - GLYPH_WIDTH + 1, GLYPH_WIDTH):
            shape = bytes(sum(bits[y][left + x] << (7 - x) for x in range(GLYPH_WIDTH))
                          for y in range(height))
            line += shapes.get(shape, "\ufffd")
        lines.append(line.rstrip())
    return lines


def shows(monitor, folder, expected):
    """The lines there are, as soon as that is so: the screen is drawn after the serial line."""
    until = time.monotonic() + 20 * PATIENCE
    while True:
        shown = [line for line in picture(monitor, folder) if line]
        if shown and expected(shown):
            return shown
        assert time.monotonic() < until, shown
        time.sleep(0.2)


def press(monitor, *keys):
    """Keys of QEMU's keyboard, a PS/2 one, by their names on one for the United States."""
    for key in keys:
        answer = monitor.ask("human-monitor-command", **{"command-line": f"sendkey {key} 20"})
        assert not answer, answer


def keys_of(text):
    names = {" ": "spc", "-": "minus", "\r": "ret"}
    return [names.get(c, c) for c in text]


def at_prompt(child):
    child.expect_exact("\n\rdom0# ")


@pytest.mark.parametrize("firmware, keymap", [("bios", "us"), ("uefi", "de")])
def test_screen(tmp_path, firmware, keymap):
    if firmware == "uefi" and not os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"):
        pytest.skip("needs ovmf")
    control = tmp_path / "monitor"
    nothing = tmp_path / "initrd"  # no guest is started: its lines would come in between
    nothing.write_bytes(subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=b"",
                                       stdout=subprocess.PIPE, check=True).stdout)
    child = prompt(tmp_path, "paravane", FIRMWARE=firmware, DOM0_INITRD=nothing,
                   DOM0_CMDLINE=f"keymap={keymap}",
                   QEMU_ARGS=f"-qmp unix:{control},server=on,wait=off")
    monitor = Monitor(control)
    shown = shows(monitor, tmp_path, lambda lines: lines[-1].startswith("dom0#"))
    assert shown[0].startswith("(pv) Paravane "), shown  # from before the screen was there
    child.send("echo one-lne")
    child.send("\x1b[D\x1b[Di\r")  # the line editor moves the cursor
    at_prompt(child)
    shows(monitor, tmp_path, lambda lines: "one-line" in lines)
    for _ in range(2):
        child.sendline("help")
        at_prompt(child)
    child.sendline("echo last-line")
    at_prompt(child)
    shows(monitor, tmp_path,  # more lines than the screen has: it scrolled
          lambda lines: lines[-3:-1] == ["dom0# echo last-line", "last-line"])
    typing(monitor, tmp_path, keymap)
    looking_back(monitor, tmp_path)
    child.close(force=True)


def typing(monitor, folder, keymap):
    press(monitor, *keys_of("echo xyz"), "shift-8", "ret")
    typed = {"us": "xyz*", "de": "xzy("}[keymap]
    shows(monitor, folder, lambda lines: lines[-2:] == [typed, "dom0#"])
    press(monitor, "up", "left", "delete", "n", "ret", "q", "ctrl-c")
    shows(monitor, folder, lambda lines: lines[-3:] == [typed[:-1] + "n", "dom0# q^C", "dom0#"])
    press(monitor, *keys_of("sleep 99\r"), "ctrl-c")
    shows(monitor, folder, lambda lines: lines[-1] == "dom0#" and "interrupted" in lines[-2])


def looking_back(monitor, folder):
    """Back to the first line, with Shift anywhere and without at the prompt; other keys lead to the end."""
    for up in ("shift-pgup", "pgup"):
        press(monitor, *[up] * 20)
        shows(monitor, folder, lambda lines: lines[0].startswith("(pv) Paravane "))
        press(monitor, "x")
        shows(monitor, folder, lambda lines: lines[-1] == "dom0# x")
        press(monitor, "ctrl-u", up)
        shows(monitor, folder, lambda lines: lines[-1] != "dom0#")
        press(monitor, up.replace("up", "dn"))
        shows(monitor, folder, lambda lines: lines[-1] == "dom0#")
