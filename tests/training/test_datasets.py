"""Data sets: the shipped digits, Yin-Yang as published, and files of one's own, whole or broken."""

import gzip
import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import warnings
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from snntheory.training import datasets

# folders of data sets that the package does not ship: named by the variable, or beside the checkout
DATA = Path(os.environ.get("SNNTHEORY_DATA", Path(__file__).parents[3] / "shared" / "data"))
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 4, 5)).astype(np.uint8)
LABELS = np.array([7, 0, 9])


def needs(folder):
    return pytest.mark.skipif(
        not (DATA / folder).is_dir(), reason=f"{folder} is not at hand; set SNNTHEORY_DATA to its parent"
    )


def idx(array):
    """An array of bytes as an IDX file: 0, 0, type 8 (unsigned byte), number of axes, sizes, bytes."""
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def npy(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npz(save=np.savez, **arrays):
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def test_the_shipped_digits():
    images, labels = datasets.mnist_subset("train")
    test_images, test_labels = datasets.mnist_subset("test")
    assert images.shape == (8000, 28, 28) and test_images.shape == (2000, 28, 28)
    assert images.dtype == np.uint8 and labels.dtype == np.int64
    for some in (labels, test_labels):
        assert set(some) == set(range(10))
        assert np.bincount(some).min() > 0.07 * len(some)  # shuffled: about a tenth each
    assert images.min() == 0 and images.max() == 255
    # an image is not in both parts
    assert not {i.tobytes() for i in images} & {i.tobytes() for i in test_images}


def test_the_shipped_digits_are_those_of_their_digest():
    # frozen: trained artefacts and quoted accuracies stand on these bytes
    digest = hashlib.sha256()
    for split in ("train", "test"):
        for part in datasets.mnist_subset(split):
            digest.update(part.tobytes())
    facts = json.loads((resources.files("snntheory.training") / "data" / "mnist10k.json").read_text())
    assert digest.hexdigest() == "6c92a23eaa97345ed9e184b38987adec63f30637a70cb33ba988a24cf46d87b8"
    assert "CC BY-SA 3.0" in facts["licence"] and "LeCun" in facts["source"]


def test_a_damaged_copy_of_the_digits_is_noticed(tmp_path, monkeypatch):
    source = resources.files("snntheory.training") / "data"
    (tmp_path / "data").mkdir()
    for name in ("mnist10k.json", "mnist10k.npz"):
        shutil.copy(str(source / name), tmp_path / "data" / name)
    raw = bytearray((tmp_path / "data" / "mnist10k.npz").read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "data" / "mnist10k.npz").write_bytes(bytes(raw))
    monkeypatch.setattr(datasets.shipped.resources, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match="mnist10k.npz is damaged.*reinstall the package"):
        datasets.mnist_subset("train")


def test_yin_yang_is_frozen():
    digests = {
        "train": "3dcfbb1895fd5f753d5591e1b4c3c7d98666e04ed91a50569185f2c0a3fcbb48",
        "validation": "03d1c9e01d7b2ab9d4d200f84632d8ec8a9fe9e72a75043542a21589507de339",
        "test": "01e8a4f15d4b0d4df3d4f94fb67f5167e7b7783a7eeb3329e4e61e8c07ebb9eb",
    }
    for split, digest in digests.items():
        features, labels = datasets.yin_yang(split)
        assert features.dtype == np.float64 and labels.dtype == np.int64
        assert hashlib.sha256(features.tobytes() + labels.tobytes()).hexdigest() == digest


@needs("yin_yang")
@pytest.mark.parametrize("split", datasets.SPLITS)
def test_yin_yang_is_the_published_one(split):
    features, labels = datasets.yin_yang(split)
    np.testing.assert_array_equal(features, np.load(DATA / "yin_yang" / f"{split}_samples.npy"))
    np.testing.assert_array_equal(labels, np.load(DATA / "yin_yang" / f"{split}_labels.npy"))


def test_yin_yang_is_what_its_name_says():
    features, labels = datasets.yin_yang("train")
    x, y = features[:, 0] - 0.5, features[:, 1] - 0.5
    assert np.hypot(x, y).max() <= 0.5
    np.testing.assert_array_equal(features[:, 2:], 1 - features[:, :2])
    dots = np.minimum(np.hypot(x - 0.25, y), np.hypot(x + 0.25, y)) < 0.1
    np.testing.assert_array_equal(dots, labels == 2)
    far = (np.abs(x) > 0.36) | (np.hypot(x, y) > 0.49)  # away from the small circles the halves differ by y
    inside_right, inside_left = np.hypot(x - 0.25, y) <= 0.25, np.hypot(x + 0.25, y) <= 0.25
    plain = far & ~dots & ~inside_right & ~inside_left
    np.testing.assert_array_equal(labels[plain] == 1, y[plain] > 0)
    assert np.bincount(labels).min() > 1500  # classes are drawn evenly


def test_the_global_generator_is_left_alone():
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    datasets.yin_yang("test")
    np.testing.assert_array_equal(before, np.random.get_state()[1])


GOOD = {
    "idx": (idx(PIXELS), idx(LABELS), "images.idx", "labels.idx"),
    "idx, gzip": (gzip.compress(idx(PIXELS)), gzip.compress(idx(LABELS)), "images.gz", "labels.gz"),
    "npy": (npy(PIXELS), npy(LABELS.astype(np.uint16)), "images.npy", "labels.npy"),
    "npz": (npz(images=PIXELS, labels=LABELS), None, "both.npz", None),
    "npz, packed": (npz(np.savez_compressed, images=PIXELS, labels=LABELS), None, "both.npz", None),
}


@pytest.mark.parametrize("kind", GOOD)
def test_files_of_ones_own(tmp_path, kind):
    images, labels, name, label_name = GOOD[kind]
    (tmp_path / name).write_bytes(images)
    if label_name:
        (tmp_path / label_name).write_bytes(labels)
    pixels, classes = datasets.load_images(tmp_path / name, label_name and tmp_path / label_name)
    np.testing.assert_array_equal(pixels, PIXELS)
    np.testing.assert_array_equal(classes, LABELS)
    assert pixels.dtype == np.uint8 and classes.dtype == np.int64


@needs("fashion-mnist")
def test_fashion_mnist():
    folder = DATA / "fashion-mnist"
    images, labels = datasets.load_images(
        folder / "t10k-images-idx3-ubyte.gz", str(folder / "t10k-labels-idx1-ubyte.gz")
    )
    assert images.shape == (10_000, 28, 28)
    np.testing.assert_array_equal(np.bincount(labels), np.full(10, 1000))


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.filterwarnings("error")
def test_every_truncation_and_flipped_byte(tmp_path, kind):
    images, labels, name, label_name = GOOD[kind]
    target = tmp_path / name
    if label_name:
        (tmp_path / label_name).write_bytes(labels)
    cuts = [images[:size] for size in range(len(images))]
    flips = []
    for place in range(len(images)):
        flipped = bytearray(images)
        flipped[place] ^= 0xFF if place % 2 else 0x40
        flips.append(bytes(flipped))
    for number, content in enumerate([*cuts, *flips]):
        target.write_bytes(content)
        try:
            pixels, _ = datasets.load_images(target, label_name and tmp_path / label_name)
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            assert number >= len(cuts), f"cut to {number} bytes"
            # IDX and .npy have no checksum, the others do
            assert kind in ("idx", "npy") or np.array_equal(pixels, PIXELS)


def write(folder, **files):
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)


def test_what_is_no_labelled_set_of_images(tmp_path):
    write(
        tmp_path,
        images_npy=npy(PIXELS),
        labels_npy=npy(LABELS),
        flat_npy=npy(PIXELS.reshape(3, 20)),
        float_npy=npy(PIXELS / 255),
        names_npy=npy(np.array(["a", "b", "c"])),
        real_npy=npy(LABELS / 1.0),
        table_npy=npy(LABELS[:, None]),
        two_npy=npy(LABELS[:2]),
        none_npy=npy(PIXELS[:0]),
        nolabels_npy=npy(LABELS[:0]),
        half_npz=npz(images=PIXELS),
        array_npz=npy(PIXELS),
        archive_npy=npz(images=PIXELS, labels=LABELS),
        empty_npz=b"",
        text_idx=b"5,0,4,1\n",
        short_idx=idx(PIXELS)[:-1],
        long_idx=idx(PIXELS) + b"\0",
        shorts_idx=b"\0\0\x0b\x01" + idx(PIXELS)[4:],
        head_idx=b"\0\0\x08\x03\0\0",
        plain_gz=idx(PIXELS),
    )
    labels = "labels.npy"
    for images, classes, message in [
        ("images.npy", None, "labels must be given with .*images.npy"),
        ("flat.npy", labels, r"images must be uint8 of shape \(n, height, width\).*uint8 \(3, 20\)"),
        ("float.npy", labels, r"images must be uint8 .*float64 \(3, 4, 5\)"),
        ("images.npy", "names.npy", "labels must be integers"),
        ("images.npy", "real.npy", r"labels must be integers of shape \(n,\), got float64"),
        ("images.npy", "table.npy", r"labels must be integers of shape \(n,\), got int64 \(3, 1\)"),
        ("images.npy", "two.npy", "3 images, 2 labels"),
        ("none.npy", "nolabels.npy", "images must not be empty"),
        ("half.npz", None, "must hold arrays 'images' and 'labels'; missing labels"),
        ("array.npz", None, "is no .npz archive but a single array"),
        ("archive.npy", labels, "is no .npy array but an archive"),
        ("empty.npz", None, "is no readable NumPy file"),
        ("text.idx", labels, "is no IDX file of unsigned bytes"),
        ("short.idx", labels, "is truncated: its head promises 60 bytes, it has 59"),
        ("long.idx", labels, "is damaged: its head promises 60 bytes, it has more"),
        ("shorts.idx", labels, "is no IDX file of unsigned bytes"),
        ("head.idx", labels, "is no IDX file of unsigned bytes"),
        ("plain.gz", labels, "is truncated or no gzip file"),
    ]:
        with pytest.raises(ValueError, match=message):
            datasets.load_images(tmp_path / images, classes and tmp_path / classes)
    for images, classes in [("missing.npz", None), ("missing.gz", labels), ("images.npy", "missing.idx")]:
        with pytest.raises(FileNotFoundError, match="missing"):
            datasets.load_images(tmp_path / images, classes and tmp_path / classes)


class Bomb:
    """Unpickled, it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_is_not_executed(tmp_path):
    trap = tmp_path / "executed"
    objects = np.array([Bomb(trap)], dtype=object)
    write(
        tmp_path,
        labels_npy=npy(LABELS),
        object_npy=npy(objects, allow_pickle=True),
        object_npz=npz(images=objects, labels=LABELS),
        pickle_npy=pickle.dumps(objects),
        pickle_npz=pickle.dumps(objects),
    )
    for name in ("object.npy", "object.npz", "pickle.npy", "pickle.npz"):
        labels = tmp_path / "labels.npy" if name.endswith("npy") else None
        with pytest.raises(ValueError, match="pickled"):
            datasets.load_images(tmp_path / name, labels)
        assert not trap.exists()
    with warnings.catch_warnings():  # it is a bomb: numpy, told to trust it, lets it off
        warnings.simplefilter("ignore")
        np.load(tmp_path / "object.npy", allow_pickle=True)
    assert trap.exists()


def test_unknown_splits():
    with pytest.raises(ValueError, match="split must be one of 'train', 'test'; got 'validation'"):
        datasets.mnist_subset("validation")
    with pytest.raises(ValueError, match="split must be one of .*did you mean 'train'"):
        datasets.yin_yang("trian")


def test_irises():
    features, labels = datasets.iris()
    assert features.shape == (150, 4) and np.bincount(labels).tolist() == [50, 50, 50]
    # the published summary: means 5.84, 3.05 (3.057), 3.76, 1.20; ranges 4.3-7.9, 2.0-4.4, 1.0-6.9, 0.1-2.5
    np.testing.assert_allclose(features.mean(0), [5.843, 3.057, 3.758, 1.199], atol=6e-4)
    np.testing.assert_array_equal(features.min(0), [4.3, 2.0, 1.0, 0.1])
    np.testing.assert_array_equal(features.max(0), [7.9, 4.4, 6.9, 2.5])
    # the two samples in which the copy at UCI differs from Fisher's table
    np.testing.assert_array_equal(features[34], [4.9, 3.1, 1.5, 0.2])
    np.testing.assert_array_equal(features[37], [4.9, 3.6, 1.4, 0.1])
