"""What a build prints: one short line a file, or the whole commands; and how make ends."""
import os
import pathlib
import re
import subprocess

import pexpect
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))


def make(*words, cwd=ROOT):
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "V")}
    return subprocess.run(["make", *map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True)


def test_one_short_line_a_file(tmp_path):
    target = tmp_path / "dom0/hello/hello.o"
    done = make(f"BUILD={tmp_path}", target)
    assert done.stdout == "  CC dom0/hello/hello.c\n" and not done.stderr, done
    target.unlink()
    whole = make(f"BUILD={tmp_path}", "V=1", target).stdout
    assert "-ffreestanding" in whole and "  CC" not in whole, whole


def recipes():
    """(file, line number, text) of recipe lines that run a compiler, an archiver or a linker."""
    for path in [ROOT / "Makefile", *ROOT.glob("*/*.mk")]:
        before = ""
        for number, line in enumerate(path.read_text().splitlines(), 1):
            starts = line.startswith("\t") and not before.endswith("\\")
            if starts and re.search(r"\$+\((CC|FUZZ_CC|GUEST_LINK|HV_LINK)\)|\bar rcs|\bgzip\b|\bcpio\b", line):
                yield path.relative_to(ROOT), number, line.strip()
            before = line


def test_no_rule_prints_its_command():
    found = list(recipes())
    assert len(found) > 30
    for path, number, text in found:
        assert re.match(r"@|\$+\(call say,", text), f"{path}:{number}: {text}"


@pytest.mark.parametrize("written,status", [("37", 37), ("0", 0), ("", 0), ("124", 124)])
def test_make_can_end_with_any_status(written, status, tmp_path):
    (tmp_path / "status").write_text(written + "\n")
    (tmp_path / "Makefile").write_text(
        f"all:\n\t@$(eval load {BUILD}/tools/make_status.so)$(make-status $(file <status))echo went on\n")
    done = make(cwd=tmp_path)
    assert done.returncode == status, done
    assert (done.stdout == "went on\n") == (status == 0)


SLOW = ["sh", "-c", "mkdir work; touch work/a.o work/b.o; sleep 1; echo done; exit 3"]


def test_progress_is_for_terminals(tmp_path):
    words = [str(ROOT / "tools/with-progress"), "newlib", "work", *SLOW]
    piped = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert (piped.returncode, piped.stdout, piped.stderr) == (3, "done\n", "")
    (tmp_path / "again").mkdir()
    shown = pexpect.spawn(words[0], words[1:], cwd=tmp_path / "again", encoding="utf-8", timeout=30)
    shown.expect_exact("\rnewlib: 2 files compiled\x1b[K")
    shown.expect_exact("done\r\n\r\x1b[K")
    shown.expect(pexpect.EOF)
    shown.close()
    assert shown.exitstatus == 3


def test_deps_says_what_it_found():
    done = make("deps")
    assert re.fullmatch(r"  DEPS all \d+ packages are installed\n", done.stdout), done
