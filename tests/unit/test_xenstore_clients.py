"""Debian's own xenstore clients (libxenstore) against our daemon, which runs with sanitizers."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

import pytest

TEST_XENSTORE = "/usr/lib/xen-4.17/bin/test-xenstore"

pytestmark = pytest.mark.skipif(not shutil.which("xenstore-ls"), reason="needs xenstore-utils")


class Daemon:
    def __init__(self, program, folder):
        self.socket = folder / "socket"
        self.env = {**os.environ, "XENSTORED_PATH": str(self.socket),
                    "XENSTORED_RUNDIR": str(folder)}
        self.errors = open(folder / "errors", "w+")
        self.process = subprocess.Popen([program, str(self.socket)], stderr=self.errors)
        for _ in range(500):
            if self.listens():
                break
            time.sleep(0.02)

    def listens(self):
        """Bound is not enough: between bind and listen a client is refused."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
        return True

    def run(self, *command, ok=True, text=None):
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=60,
                              input=text)
        if ok:
            assert done.returncode == 0, done.stderr
        return done

    def out(self, *command):
        return self.run(*command).stdout

    def stop(self):
        self.process.terminate()
        status = self.process.wait(20)
        self.errors.seek(0)
        return status, self.errors.read()


@pytest.fixture
def store(build, tmp_path):
    daemon = Daemon(build / "tests" / "xenstored", tmp_path)
    yield daemon
    status, errors = daemon.stop()
    assert status == 0 and errors == "", errors


def test_write_read_rm(store):
    store.run("xenstore-write", "/a/b", "hello", "/a/c", "world")
    assert store.out("xenstore-read", "/a/b", "/a/c") == "hello\nworld\n"
    store.run("xenstore-exists", "/a/b")
    store.run("xenstore-rm", "/a/b")
    assert store.run("xenstore-exists", "/a/b", ok=False).returncode == 1
    assert store.run("xenstore-read", "/a/b", ok=False).returncode == 1
    store.run("xenstore-rm", "-t", "/a/c")
    assert store.run("xenstore-exists", "/a", ok=False).returncode == 1


def test_list_and_ls(store):
    store.run("xenstore-write", "/local/domain/1/name", "one", "/local/domain/1/device/vbd/51712", "")
    assert store.out("xenstore-list", "/local/domain/1") == "device\nname\n"
    assert store.out("xenstore-ls", "/local") == (
        'domain = ""\n 1 = ""\n  device = ""\n   vbd = ""\n    51712 = ""\n  name = "one"\n')
    assert '/local/domain/1/name = "one"   (n0)' in store.out("xenstore-ls", "-fp")


def test_chmod(store):
    store.run("xenstore-write", "/p/q", "x")
    store.run("xenstore-chmod", "/p/q", "n0", "r1", "b2")
    assert '/p/q = "x"   (n0,r1,b2)' in store.out("xenstore-ls", "-fp")
    store.run("xenstore-chmod", "-r", "/p", "r3")
    assert "(r3)" in store.out("xenstore-ls", "-fp", "/p")


def test_watch(store):
    watcher = subprocess.Popen(["xenstore-watch", "-n", "3", "/w"], env=store.env, text=True,
                               stdout=subprocess.PIPE)
    assert watcher.stdout.readline() == "/w\n"
    store.run("xenstore-write", "/w/x", "1")
    assert watcher.stdout.readline() == "/w/x\n"
    store.run("xenstore-rm", "/w")
    assert watcher.stdout.readline() == "/w\n"
    assert watcher.wait(20) == 0


def test_wide_directory_comes_in_parts(store):
    pairs = [w for i in range(700) for w in (f"/wide/quite-a-long-node-name-{i}", str(i))]
    store.run("xenstore-write", *pairs)
    assert len(store.out("xenstore-list", "/wide").split()) == 700
    assert len(store.out("xenstore-ls", "/wide").splitlines()) == 700


def test_binary_values(store):
    store.run("xenstore-write", "/bin", "\\x01\\xff\\n")
    assert store.out("xenstore-read", "/bin") == "\\001\\xff\\n\n"


def test_control(store):
    if not os.path.exists("/usr/lib/xen-4.17/bin/xenstore-control"):
        pytest.skip("needs xen-utils-4.17")
    assert "OK" in store.out("/usr/lib/xen-4.17/bin/xenstore-control", "check")


@pytest.mark.skipif(not os.path.exists(TEST_XENSTORE), reason="needs xen-utils-4.17")
@pytest.mark.parametrize("case", ["read 1", "read 2000", "write 1", "write 2000", "dir", "rm node",
                                  "rm dir", "ta empty", "ta empty x", "ta rmw", "ta rmw x",
                                  "ta err"])
def test_xen_own_test_program(store, case):
    done = store.run(TEST_XENSTORE, "-t", case, "-i", "100")
    assert "failed" not in (done.stdout + done.stderr).lower()


def test_rude_clients(store):
    """Clients that send junk, too much, or vanish in the middle."""
    import socket
    import struct
    for data in (b"\xff" * 64, struct.pack("<IIII", 2, 0, 0, 5000), struct.pack("<IIII", 2, 0, 0, 9),
                 struct.pack("<IIII", 6, 0, 0, 1) + b"\0", b"x"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(store.socket))
        s.sendall(data)
        s.close()
    store.run("xenstore-write", "/still", "here")
