"""Files of the published formats, whole and damaged."""

import gzip
import os
import pickle
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import small_datasets

from snntheory.training import datasets
from snntheory.training.datasets import catalogue, event_files

DATA = Path(os.environ.get("SNNTHEORY_DATA", Path(__file__).parents[3] / "shared" / "data"))
NAMES = tuple(datasets.ENTRIES)


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Put a miniature into a folder, with some of its files changed, and give the folder."""

    def store(name, changed=None):
        files = small_datasets.content(name)
        monkeypatch.setitem(datasets.ENTRIES, name, small_datasets.miniature(name, files))
        return small_datasets.written(tmp_path / name, files | (changed or {})).parent

    return store


def refused(name, folder, split, message):
    with warnings.catch_warnings(), pytest.raises(ValueError, match=message) as caught:
        warnings.simplefilter("ignore")  # that the bytes are others; what is wrong is found with a sample
        loaded = datasets.load(name, split, folder)
        if isinstance(loaded, datasets.EventSamples):
            list(loaded)
    assert "\n" not in str(caught.value)


def test_the_catalogue_is_whole():
    assert datasets.names()[:3] == ("mnist-subset", "yin-yang", "iris")
    for name, entry in catalogue.ENTRIES.items():
        assert entry.name == name and set(entry.files) == set(entry.counts) == {"train", "test"}
        assert entry.licence and entry.citation and entry.digests_from
        assert entry.homepage.startswith("http")
        for file in entry.all_files():
            for digest in (file.digest, *file.same):
                algorithm, _, value = digest.partition(":")
                assert len(bytes.fromhex(value)) == {"sha256": 32, "md5": 16}[algorithm]
            assert file.urls and all(url.startswith("http") for url in file.urls)
    # as the publishers state them
    assert [sum(catalogue.ENTRIES[n].counts.values()) for n in NAMES] == [
        70000,
        70000,
        131600,
        60000,
        70000,
        10420,
    ]


def test_shipped_sets_by_name():
    for split in ("train", "test"):
        for got, plain in zip(
            datasets.load("mnist-subset", split), datasets.mnist_subset(split), strict=True
        ):
            np.testing.assert_array_equal(got, plain)
    np.testing.assert_array_equal(
        datasets.load("yin-yang", "validation")[0], datasets.yin_yang("validation")[0]
    )
    assert len(datasets.load("iris")[0]) == 150
    with pytest.raises(ValueError, match="name must be one of .*did you mean 'fashion-mnist'"):
        datasets.load("fashion_mnist")
    with pytest.raises(ValueError, match="split must be one of 'train', 'test'; got 'validation'"):
        datasets.load("shd", "validation")
    with pytest.raises(ValueError, match="split must be one of 'train'; got 'test'"):
        datasets.load("iris", "test")


@pytest.mark.skipif(
    not (DATA / "fashion-mnist").is_dir(), reason="fashion-mnist is not at hand; set SNNTHEORY_DATA"
)
def test_the_real_fashion_mnist(monkeypatch):
    monkeypatch.setenv("SNNTHEORY_DATA", str(DATA))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images, labels = datasets.load("fashion-mnist", "test", download=False)
        again, _ = datasets.load("fashion-mnist", "test", DATA / "fashion-mnist")
    assert images.shape == (10_000, 28, 28) and np.bincount(labels).tolist() == [1000] * 10
    np.testing.assert_array_equal(images, again)
    assert datasets.status("fashion-mnist").files == ("published",) * 4
    with pytest.raises(ValueError, match="is Fashion-MNIST's, not MNIST's"):
        datasets.load("mnist", "test", DATA / "fashion-mnist")


def test_unpacked_files_are_accepted(stored, tmp_path):
    folder = stored("mnist")
    for packed in (folder / "mnist").glob("*.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    images, labels = datasets.load("mnist", "test", folder)
    np.testing.assert_array_equal(images, small_datasets.expected("mnist", "test")[0])
    assert datasets.status("mnist", folder).files == ("unpacked",) * 4
    emnist = stored("emnist-balanced")
    with zipfile.ZipFile(emnist / "emnist-balanced" / "gzip.zip") as archive:
        for name in archive.namelist():
            (emnist / "emnist-balanced" / Path(name).name).write_bytes(archive.read(name))
    (emnist / "emnist-balanced" / "gzip.zip").unlink()
    images, labels = datasets.load("emnist-balanced", "train", emnist)
    np.testing.assert_array_equal(images, small_datasets.expected("emnist-balanced", "train")[0])


def test_the_same_content_in_another_packing_is_used_and_said(stored):
    images, labels = small_datasets.images_and_labels("mnist", "test")
    again = gzip.compress(small_datasets.idx(images), 1, mtime=5)
    folder = stored("mnist", {"t10k-images-idx3-ubyte.gz": again})
    with pytest.warns(UserWarning, match="t10k-images.* is not the published file .*it is used"):
        loaded = datasets.load("mnist", "test", folder)
    np.testing.assert_array_equal(loaded[0], images)


@pytest.mark.parametrize("name", NAMES)
def test_every_cut_of_every_file_is_refused(stored, name):
    whole = small_datasets.content(name)
    file = datasets.ENTRIES[name].files["test"][0].name
    cuts = np.unique(np.linspace(0, len(whole[file]) - 1, 16).astype(int))
    for cut in cuts:
        folder = stored(name, {file: whole[file][:cut]})
        refused(name, folder, "test", f"{file}|test")


@pytest.mark.parametrize("name", ["mnist", "emnist-balanced", "n-mnist", "shd"])
def test_flipped_bytes_never_pass_as_other_data(stored, name):
    whole = small_datasets.content(name)
    file = datasets.ENTRIES[name].files["test"][0].name
    right = small_datasets.expected(name, "test")[0]
    for place in np.linspace(0, len(whole[file]) - 1, 20).astype(int):
        raw = bytearray(whole[file])
        raw[place] ^= 0x55
        folder = stored(name, {file: bytes(raw)})
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # other bytes, the same content: said, and used
                loaded = datasets.load(name, "test", folder)
            got = [each[:2] for each in loaded] if name in ("n-mnist", "shd") else loaded[0]
        except ValueError as error:
            assert "\n" not in str(error)
            continue
        # the sums of gzip and zip see every flip of the content; what passes lay beside it (names, dates)
        if name in ("n-mnist", "shd"):
            for (times, _), (good, _) in zip(got, right, strict=True):
                np.testing.assert_allclose(times, good, rtol=0, atol=1e-12)
        else:
            np.testing.assert_array_equal(got, right)


def bad_labels(labels, kind):
    labels = labels.copy()
    if kind == "missing":
        labels[labels == 3] = 4
    elif kind == "outside":
        labels[0] = 200
    else:
        labels = labels[:-1]
    return labels


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "has no sample of class 3: "),
        ("outside", r"has a label 200|holds \d+ samples"),
        (
            "fewer",
            "(50 images.*49 labels)|(50 images and 49 labels)|(holds 49 samples, .* has 50 to test on)",
        ),
    ],
)
@pytest.mark.parametrize("name", ["mnist", "emnist-balanced", "cifar-10", "shd"])
def test_labels_that_cannot_be(stored, name, kind, message):
    samples, labels = small_datasets.expected(name, "test")
    wrong = bad_labels(labels, kind)
    if name == "mnist":
        changed = {"t10k-labels-idx1-ubyte.gz": gzip.compress(small_datasets.idx(wrong))}
    elif name == "emnist-balanced":
        with zipfile.ZipFile(stored(name) / name / "gzip.zip") as archive:
            members = {each: archive.read(each) for each in archive.namelist()}
        member = "gzip/emnist-balanced-test-labels-idx1-ubyte.gz"
        changed = {
            "gzip.zip": small_datasets.zipped(members | {member: gzip.compress(small_datasets.idx(wrong))})
        }
    elif name == "cifar-10":
        members = small_datasets.cifar_members()
        rows = [bytes([label]) + image.tobytes() for label, image in zip(wrong, samples, strict=False)]
        members["cifar-10-batches-bin/test_batch.bin"] = b"".join(rows)
        changed = {"cifar-10-binary.tar.gz": small_datasets.tarred(members)}
    else:
        changed = {"shd_test.h5.gz": gzip.compress(small_datasets.hdf5(samples[: len(wrong)], wrong))}
    refused(name, stored(name, changed), "test", message)


def test_a_class_missing_in_n_mnist_and_a_label_of_another_number(stored):
    members = small_datasets.nmnist_members("test")
    fewer = {each: raw for each, raw in members.items() if "/3/" not in each}
    folder = stored("n-mnist", {"Test.zip": small_datasets.zipped(fewer)})
    refused("n-mnist", folder, "test", "holds 45 samples, N-MNIST has 50 to test on")
    moved = {each.replace("/3/", "/4/"): raw for each, raw in members.items()}
    folder = stored("n-mnist", {"Test.zip": small_datasets.zipped(moved)})
    refused("n-mnist", folder, "test", "no sample of class 3")


def test_what_is_another_archive(stored):
    pickled = {"cifar-10-batches-py/test_batch": pickle.dumps({"data": 1})}
    folder = stored("cifar-10", {"cifar-10-binary.tar.gz": small_datasets.tarred(pickled)})
    refused("cifar-10", folder, "test", "holds no test_batch.bin; is it the binary version")
    odd = {"cifar-10-batches-bin/test_batch.bin": b"\0" * 3072}
    folder = stored("cifar-10", {"cifar-10-binary.tar.gz": small_datasets.tarred(odd)})
    refused("cifar-10", folder, "test", "no sequence of records of 3073 bytes, it has 3072")
    folder = stored("emnist-balanced", {"gzip.zip": small_datasets.zipped({"a.txt": b""})})
    refused("emnist-balanced", folder, "test", "holds no emnist-balanced-test-images")
    raw = small_datasets.recording(*small_datasets.events("n-mnist", "test")[0][0])
    members = small_datasets.nmnist_members("test")
    for bad, message in (
        (raw[:-1], "no sequence of events of 5 bytes"),
        (b"\x22\0\0\0\0", "off the sensor of 34 x 34"),
    ):
        changed = small_datasets.zipped(members | {"Test/0/00001.bin": bad})
        refused("n-mnist", stored("n-mnist", {"Test.zip": changed}), "test", message)


def test_bombs_are_not_unpacked(stored, monkeypatch):
    # a head that promises little before much; much in a member of an archive; a head that promises terabytes
    images, _ = small_datasets.images_and_labels("mnist", "test")
    long = gzip.compress(small_datasets.idx(images) + bytes(1 << 24))
    refused("mnist", stored("mnist", {"t10k-images-idx3-ubyte.gz": long}), "test", "has more")
    giant = gzip.compress(struct.pack(">BBBB3I", 0, 0, 8, 3, 2**31, 2**15, 2**15))
    refused(
        "mnist",
        stored("mnist", {"t10k-images-idx3-ubyte.gz": giant}),
        "test",
        "is truncated: its head promises",
    )
    big = {"Test/0/00001.bin": bytes(event_files._RECORDING + 5)}
    refused(
        "n-mnist",
        stored("n-mnist", {"Test.zip": small_datasets.zipped(big)}),
        "test",
        "no recording .* that long",
    )
    member = {"cifar-10-batches-bin/x.bin": bytes((1 << 26) + 1)}
    folder = stored("cifar-10", {"cifar-10-binary.tar.gz": small_datasets.tarred(member)})
    refused("cifar-10", folder, "test", "no batch of CIFAR-10 is that long")
    monkeypatch.setattr(event_files, "_HDF5", 1 << 20)
    folder = stored("shd", {"shd_test.h5.gz": gzip.compress(bytes(3 << 20))})
    refused("shd", folder, "test", "unpacks to more than 1048576 bytes")
    assert not list((folder / "shd").glob("*.h5"))


def test_structure_of_the_heidelberg_digits(stored, tmp_path):
    import h5py

    samples, labels = small_datasets.expected("shd", "test")

    def altered(change):
        (tmp_path / "x.h5").write_bytes(small_datasets.hdf5(samples, labels))
        with h5py.File(tmp_path / "x.h5", "r+") as file:
            change(file)
        return stored("shd", {"shd_test.h5.gz": gzip.compress((tmp_path / "x.h5").read_bytes())})

    def long_address(file):
        file["spikes/units"][7] = np.full(len(samples[7][0]), 700, np.uint16)

    def fewer_times(file):
        file["spikes/times"][3] = np.zeros(1, np.float16)

    def not_a_number(file):
        file["spikes/times"][5] = np.full(len(samples[5][0]), np.nan, np.float16)

    def without_units(file):
        del file["spikes/units"]

    def plain_units(file):
        del file["spikes/units"]
        file["spikes/units"] = np.zeros(50)

    for change, message in (
        (long_address, "sample 7 has an address outside 0 .. 699"),
        (fewer_times, r"sample 3 has 1 times and \d+ addresses"),
        (not_a_number, "sample 5 has a time that is negative or not finite"),
        (without_units, "has no list 'spikes/units'"),
        (plain_units, "spikes/units must be lists of different lengths, it is float64"),
    ):
        refused("shd", altered(change), "test", message)


def test_a_recording_by_hand():
    # column 3, row 33, ON, 70000 us = 0x011170; column 33, row 0, OFF, 71000 us = 0x011558; then the clock wraps by
    # 2^13 us, and column 0, row 1, ON, 70001 us
    raw = bytes([3, 33, 0x81, 0x11, 0x70, 33, 0, 0x01, 0x15, 0x58, 0, 240, 0, 0, 0, 0, 1, 0x81, 0x11, 0x71])
    times, addresses = event_files.read_recording(raw, (2, 34, 34), "by hand")
    np.testing.assert_allclose(times, [0.070, 0.071, 0.078193], rtol=1e-15)
    assert addresses.tolist() == [34 * 34 + 33 * 34 + 3, 33, 34 * 34 + 34]


def test_files_are_opened_anew_in_another_process(stored):
    for name in ("n-mnist", "shd"):
        loaded = datasets.load(name, "test", stored(name))
        first = loaded[0]
        again = pickle.loads(pickle.dumps(loaded))[0]
        for one, other in zip(first, again, strict=True):
            np.testing.assert_array_equal(one, other)
