"""Files are replaced whole or left as they were; digests are those of the bytes."""

import hashlib
import os
import stat
import subprocess
import sys

import pytest

from snntheory._files import replacing, sha256


def test_replaces_the_whole_file(tmp_path):
    target = tmp_path / "data.txt"
    target.write_text("old")
    with replacing(target) as temporary:
        assert temporary.parent == tmp_path and temporary.suffix == ".txt"
        temporary.write_text("new")
        assert target.read_text() == "old"  # until the block has ended
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["data.txt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "data.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="midway"), replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("midway")
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["data.txt"]
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "other") as temporary:
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["data.txt"]


def test_permissions_are_the_usual_ones(tmp_path):
    umask = os.umask(0o027)
    try:
        with replacing(str(tmp_path / "data")) as temporary:
            temporary.write_bytes(b"x")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o640


@pytest.mark.skipif(os.name != "posix", reason="asks for a process by its number")
def test_what_a_killed_process_left_is_removed(tmp_path):
    """The writer is killed in the block; the next write of that file, and of no other, cleans up."""
    code = (
        "import os, signal, sys; from snntheory._files import replacing\n"
        "with replacing(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    for name in ("data.txt", "other.txt"):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], check=False)
    left = sorted(os.listdir(tmp_path))
    assert [name.split(".")[1] for name in left] == ["data", "other"]
    with replacing(tmp_path / "data.txt") as running, replacing(tmp_path / "data.txt") as second:
        assert running.parent == tmp_path and sorted(os.listdir(tmp_path)) == left[1:]
        running.write_text("first")
        second.write_text("second")
    assert sorted(os.listdir(tmp_path)) == [left[1], "data.txt"]


def test_a_file_of_a_process_that_runs_or_of_another_machine_stays(tmp_path):
    with replacing(tmp_path / "data.txt") as temporary:
        temporary.write_text("of this process")
        elsewhere = temporary.with_name(f".data.zzzz-{2**22 + 1}-00000000.txt")
        elsewhere.write_text("of a process there")
        with replacing(tmp_path / "data.txt") as second:
            second.write_text("quicker")
        assert temporary.exists()
    assert (tmp_path / "data.txt").read_text() == "of this process" and elsewhere.exists()


@pytest.mark.parametrize("place", ["missing/data.nc", "file/data.nc"])
def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, place):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OSError, match="there is no folder") as caught,
        replacing(tmp_path / place),
    ):
        raise AssertionError("the block must not run")
    assert str(tmp_path / place) in str(caught.value)
    assert os.listdir(tmp_path) == ["file"]


def test_digest(tmp_path):
    content = os.urandom(3_000_000)  # more than one chunk
    (tmp_path / "data").write_bytes(content)
    assert sha256(tmp_path / "data") == hashlib.sha256(content).hexdigest()
