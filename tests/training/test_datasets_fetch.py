"""Fetching data sets from a server on this machine: whole, broken off, resumed, damaged, from a second mirror."""

import hashlib
import os
import re
import subprocess
import sys
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import small_datasets

from snntheory.training import datasets
from snntheory.training.datasets import download

pytest.importorskip("pooch")
NAMES = tuple(datasets.ENTRIES)


class Handler(BaseHTTPRequestHandler):
    """Files of a dictionary; counts requests, and misbehaves as it is told."""

    def do_GET(self):
        server, name = self.server, self.path.rsplit("/", 1)[-1]
        wanted = self.headers.get("Range")
        server.requests.append((self.path, wanted))
        raw = server.files.get(name)
        if raw is None or self.path.startswith("/down"):
            self.send_error(404 if raw is None else 503)
            return
        first = 0
        if wanted and server.ranges:
            first = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
            if first >= len(raw):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(raw)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        self.send_response(206 if wanted and server.ranges else 200)
        self.send_header("Content-Length", str(len(raw) - first))
        if name.endswith("gz"):
            self.send_header(
                "Content-Encoding", "gzip"
            )  # as some servers do: the file is meant, not its content
        self.end_headers()
        stop = len(raw)
        if server.breaks:
            stop = first + max(1, (len(raw) - first) * server.breaks.pop(0) // 100)
        self.wfile.write(raw[first:stop])
        self.wfile.flush()
        if stop < len(raw):
            self.close_connection = True

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    """A server with ``files``; ``breaks``: after how many per cent of what is asked for it hangs up, in turn."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.files, running.requests, running.breaks, running.ranges = {}, [], [], True
        running.url = f"http://127.0.0.1:{running.server_port}/"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def published(server, monkeypatch, tmp_path):
    """Publish a miniature of a data set on the server; the home of data sets is an empty folder."""
    monkeypatch.setenv("SNNTHEORY_DATA", str(tmp_path))
    monkeypatch.setattr(download, "PAUSE", 0.0)

    def publish(name, *mirrors):
        files = small_datasets.content(name)
        server.files |= files
        entry = small_datasets.miniature(name, files, mirrors or (server.url,))
        monkeypatch.setitem(datasets.ENTRIES, name, entry)
        return files

    return publish


@pytest.mark.parametrize("name", NAMES)
def test_every_data_set_from_the_server_to_arrays(name, published, tmp_path, server):
    files = published(name)
    for split in ("train", "test"):
        loaded = datasets.load(name, split)
        samples, labels = small_datasets.expected(name, split)
        if datasets.ENTRIES[name].of_events:
            np.testing.assert_array_equal(loaded.labels, labels)
            for k in (0, 7, len(labels) - 1):
                times, addresses, label = loaded[k]
                np.testing.assert_allclose(times, samples[k][0], rtol=0, atol=1e-12)  # k * 1e-6 in float64
                np.testing.assert_array_equal(np.sort(addresses), np.sort(samples[k][1]))
                assert label == labels[k]
        else:
            np.testing.assert_array_equal(loaded[0], samples)
            np.testing.assert_array_equal(loaded[1], labels)
            assert loaded[0].dtype == np.uint8 and loaded[1].dtype == np.int64
    asked = len(server.requests)
    assert asked == len(files)
    datasets.load(name, "test")  # nothing is fetched twice
    assert datasets.fetch(name, progress=False) == [tmp_path / name / each for each in files]
    assert len(server.requests) == asked
    assert set(datasets.status(name).files) == {"published"}
    for each, raw in files.items():
        assert (tmp_path / name / each).read_bytes() == raw
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on_where_it_was(published, server, tmp_path, ranges):
    files = published("shd")
    server.ranges, server.breaks = ranges, [40, 40]
    path = datasets.fetch("shd", progress=False)[0]
    assert path.read_bytes() == files[path.name]
    asked = [wanted for place, wanted in server.requests if place.endswith(path.name)]
    assert len(asked) == 3 and asked[0] is None
    size = len(files[path.name])
    first = size * 40 // 100
    assert asked[1] == f"bytes={first}-"
    if ranges:  # 40 % of what was left had come by then
        assert asked[2] == f"bytes={first + (size - first) * 40 // 100}-"


def test_what_has_arrived_outlives_the_process_and_is_gone_on_with(published, server, tmp_path, monkeypatch):
    files = published("shd")
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    server.breaks = [50]
    with pytest.raises(
        datasets.DatasetUnavailable, match=r"(?s)shd_train.h5.gz: .*are kept in .*\.part; repeat"
    ):
        datasets.load("shd", "train")
    part = tmp_path / "shd" / "shd_train.h5.gz.part"
    half = part.stat().st_size
    assert half == len(files["shd_train.h5.gz"]) // 2
    assert datasets.status("shd").files == ("partly here", "missing")
    assert len(datasets.load("shd", "train")) == small_datasets.COUNTS["train"]
    assert server.requests[-1][1] == f"bytes={half}-" and not part.exists()


@pytest.mark.parametrize("extra", [b"", b"more"])
def test_a_part_that_is_whole_or_too_long(published, server, tmp_path, extra):
    files = published("cifar-10")
    name = "cifar-10-binary.tar.gz"
    small_datasets.written(tmp_path / "cifar-10", {name + ".part": files[name] + extra})
    assert datasets.fetch("cifar-10", progress=False)[0].read_bytes() == files[name]


def test_the_second_mirror_serves_when_the_first_is_down(published, server, tmp_path):
    published("n-mnist", "http://127.0.0.1:9/", server.url + "down/", server.url)
    assert len(datasets.load("n-mnist", "test")) == small_datasets.COUNTS["test"]
    assert [place for place, _ in server.requests] == ["/down/Test.zip", "/Test.zip"]


@pytest.mark.parametrize("damage", ["flipped", "cut", "another file"])
def test_a_file_of_another_digest_never_gets_its_name(published, server, tmp_path, damage):
    files = published("mnist")
    name = "train-images-idx3-ubyte.gz"
    raw = bytearray(files[name])
    raw[len(raw) // 2] ^= 1
    server.files[name] = {
        "flipped": bytes(raw),
        "cut": files[name][:-9],
        "another file": b"<html>sign in first",
    }[damage]
    with pytest.raises(
        datasets.DatasetUnavailable,
        match=r"train-images.*its digest is not sha256:\w+, so it was thrown away.*put them into",
    ) as caught:
        datasets.load("mnist", "train")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "mnist" / name).exists() and not list(tmp_path.rglob("*.part"))
    server.files[name] = files[name]
    assert len(datasets.load("mnist", "train")[0]) == small_datasets.COUNTS["train"]


def test_another_length_than_published_is_not_even_read(published, server, monkeypatch):
    from dataclasses import replace

    published("cifar-10")
    entry = datasets.ENTRIES["cifar-10"]
    file = replace(entry.files["train"][0], size=10)
    monkeypatch.setitem(datasets.ENTRIES, "cifar-10", replace(entry, files={"train": (file,)}))
    with pytest.raises(datasets.DatasetUnavailable, match=r"offers \d+ bytes, published are 10"):
        datasets.fetch("cifar-10", progress=False)


def test_offline_it_says_what_to_put_where(published, tmp_path):
    published("fashion-mnist", "http://127.0.0.1:9/", "http://127.0.0.1:10/")
    with pytest.raises(datasets.DatasetUnavailable) as caught:
        datasets.load("fashion-mnist", "test")
    said = str(caught.value)
    assert "http://127.0.0.1:9/t10k-images-idx3-ubyte.gz: no connection" in said
    assert "http://127.0.0.1:10/" in said
    assert "https://github.com/zalandoresearch/fashion-mnist" in said
    assert f"put them into {tmp_path / 'fashion-mnist'}" in said
    with pytest.raises(datasets.DatasetUnavailable, match="snntheory datasets fetch fashion-mnist"):
        datasets.load("fashion-mnist", "test", download=False)
    # a folder that is named is only read
    with pytest.raises(datasets.DatasetUnavailable, match=r"t10k-images.*is not in .*/there/fashion-mnist"):
        datasets.load("fashion-mnist", "test", tmp_path / "there")


def test_a_foreign_file_is_replaced_only_when_asked(published, server, tmp_path):
    files = published("cifar-10")
    folder = small_datasets.written(tmp_path / "cifar-10", {"cifar-10-binary.tar.gz": b"half of it"})
    with pytest.raises(ValueError, match="is not the published file.*replace=True"):
        datasets.fetch("cifar-10")
    with pytest.raises(ValueError, match="is truncated or damaged.*datasets fetch cifar-10 --replace"):
        datasets.load("cifar-10", "train")
    assert not server.requests
    datasets.fetch("cifar-10", replace=True)
    assert (folder / "cifar-10-binary.tar.gz").read_bytes() == files["cifar-10-binary.tar.gz"]


def test_a_full_disk_keeps_what_has_arrived(published, server, tmp_path):
    # a limit on the size of files in a process of its own: the write fails as on a full disk, half way
    files = published("shd")
    raw = files["shd_train.h5.gz"]
    limit = len(raw) // 2
    code = f"""
        import dataclasses, resource, signal
        from snntheory.training import datasets
        entry = datasets.ENTRIES["shd"]
        file = dataclasses.replace(entry.files["train"][0], digest="{hashlib.sha256(raw).hexdigest()}",
                                   urls=("{server.url}shd_train.h5.gz",))
        datasets.ENTRIES["shd"] = dataclasses.replace(entry, files={{"train": (file,)}})
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))
        try:
            datasets.fetch("shd")
        except datasets.DatasetUnavailable as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env=os.environ | {"SNNTHEORY_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"cannot write .*shd_train.h5.gz.part: .*are kept in .*SNNTHEORY_DATA", done.stdout)
    part = tmp_path / "shd" / "shd_train.h5.gz.part"
    assert part.read_bytes() == raw[:limit]
    assert (
        len(datasets.load("shd", "train")) == small_datasets.COUNTS["train"]
    )  # here there is space: it goes on
    assert server.requests[-1] == ("/shd_train.h5.gz", f"bytes={limit}-")


def test_two_processes_fetch_a_file_once(published, server, tmp_path):
    published("cifar-10")
    threads = [threading.Thread(target=datasets.fetch, args=("cifar-10",)) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(server.requests) == 1


def test_without_pooch_it_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.setenv("SNNTHEORY_DATA", str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'snntheory\[train\]'"):
        datasets.load("mnist", "train")
    monkeypatch.delenv("SNNTHEORY_DATA")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'snntheory\[train\]'"):
        datasets.home()
    assert datasets.status("mnist").files == ("missing",) * 4


def test_the_home_of_data_sets(monkeypatch, tmp_path):
    monkeypatch.setenv("SNNTHEORY_DATA", "~/somewhere")
    assert datasets.home() == Path("~/somewhere").expanduser()
    monkeypatch.setenv("SNNTHEORY_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert datasets.home() == tmp_path / "snntheory"


def test_a_bar_shows_on_demand(published, capsys):
    published("cifar-10")
    datasets.fetch("cifar-10", progress=True)
    assert "cifar-10-binary.tar.gz" in capsys.readouterr().err
