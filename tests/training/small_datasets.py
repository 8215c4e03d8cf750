"""The six published data sets in miniature, in their true formats, and what a loader must make of them."""

import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from snntheory.training import datasets

COUNTS = {"train": 60, "test": 50}


def idx(array):
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + np.ascontiguousarray(array, np.uint8).tobytes()


def images_and_labels(name, split):
    """Random images, and labels in which every class occurs."""
    entry, n = datasets.ENTRIES[name], COUNTS[split]
    rng = np.random.default_rng([n, entry.n_classes])
    images = rng.integers(0, 256, (n, *entry.shape)).astype(np.uint8)
    return images, np.arange(n) % entry.n_classes


def events(name, split):
    """Lists of (times in seconds, addresses), with times that the format holds exactly."""
    entry, n = datasets.ENTRIES[name], COUNTS[split]
    rng = np.random.default_rng([n, 7])
    samples = []
    for _ in range(n):
        size = rng.integers(3, 20)
        ticks = np.sort(rng.integers(0, 1000, size))
        times = ticks * (250e-6 if name == "n-mnist" else 2.0**-10)
        samples.append((times, rng.integers(0, np.prod(entry.shape), size)))
    return samples, np.arange(n) % entry.n_classes


def recording(times, addresses, width=34, height=34):
    """One recording of N-MNIST: column, row, polarity and microseconds in five bytes; and a clock that wraps."""
    raw = b""
    for time, address in zip(times, addresses, strict=True):
        polarity, row, column = np.unravel_index(address, (2, height, width))
        clock = round(time * 1e6)
        raw += bytes([column, row, polarity << 7 | clock >> 16, clock >> 8 & 255, clock & 255])
    return raw


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def idx_pair(name, split):
    images, labels = images_and_labels(name, split)
    if name.startswith("emnist"):  # column by column
        images = images.transpose(0, 2, 1)
    return [gzip.compress(idx(each), mtime=0) for each in (images, labels)]


def hdf5(samples, labels, time_type=np.float16):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        lists = (("times", time_type), ("units", np.uint16))
        for place, (kind, stored) in enumerate(lists):
            part = file.create_dataset(f"spikes/{kind}", len(samples), h5py.vlen_dtype(stored))
            for k, sample in enumerate(samples):
                part[k] = sample[place].astype(stored)
        file["labels"] = labels.astype(np.uint16)
        file["extra/speaker"] = np.zeros(len(labels), np.uint16)
    return stream.getvalue()


def content(name):
    """The published files by their names."""
    if name in ("mnist", "fashion-mnist"):
        pairs = {"train": idx_pair(name, "train"), "t10k": idx_pair(name, "test")}
        kinds = ("images-idx3", "labels-idx1")
        return {f"{s}-{k}-ubyte.gz": raw for s in pairs for k, raw in zip(kinds, pairs[s], strict=True)}
    if name == "emnist-balanced":
        members = {"gzip/emnist-letters-mapping.txt": b"1 65 97\n"}
        for split in COUNTS:
            for kind, raw in zip(("images-idx3", "labels-idx1"), idx_pair(name, split), strict=True):
                members[f"gzip/emnist-balanced-{split}-{kind}-ubyte.gz"] = raw
        return {"gzip.zip": zipped(members)}
    if name == "cifar-10":
        return {"cifar-10-binary.tar.gz": tarred(cifar_members())}
    if name == "n-mnist":
        return {f"{split.title()}.zip": zipped(nmnist_members(split)) for split in COUNTS}
    return {f"shd_{split}.h5.gz": gzip.compress(hdf5(*events(name, split)), mtime=0) for split in COUNTS}


def cifar_members():
    images, labels = images_and_labels("cifar-10", "train")
    rows = np.concatenate([labels[:, None].astype(np.uint8), images.reshape(len(images), -1)], 1)
    parts = {f"data_batch_{i + 1}.bin": part for i, part in enumerate(np.split(rows, 5))}
    images, labels = images_and_labels("cifar-10", "test")
    parts["test_batch.bin"] = np.concatenate(
        [labels[:, None].astype(np.uint8), images.reshape(len(images), -1)], 1
    )
    # the batches of the true archive are not in the order of their numbers
    order = [*sorted(parts, reverse=True)]
    files = {f"cifar-10-batches-bin/{name}": parts[name].tobytes() for name in order}
    return {"cifar-10-batches-bin/batches.meta.txt": b"airplane\n", **files}


def nmnist_members(split):
    samples, labels = events("n-mnist", split)
    files = [
        (f"{split.title()}/{label}/{k + 1:05d}.bin", recording(*sample))
        for k, (sample, label) in enumerate(zip(samples, labels, strict=True))
    ]
    return dict(sorted(files)) | {f"__MACOSX/{split.title()}/0/00001.bin": b"x"}  # by class, not by number


def expected(name, split):
    return (events if datasets.ENTRIES[name].of_events else images_and_labels)(name, split)


def miniature(name, files, mirrors=("http://127.0.0.1:9/",)):
    """The entry of a data set with small numbers, and the digests of ``files``."""
    entry = datasets.ENTRIES[name]

    def small(file):
        digest = "sha256:" + hashlib.sha256(files[file.name]).hexdigest()
        return replace(file, digest=digest, same=(), size=None, urls=tuple(m + file.name for m in mirrors))

    parts = {split: tuple(map(small, part)) for split, part in entry.files.items()}
    return replace(entry, counts=COUNTS, files=parts)


def written(folder, files):
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, raw in files.items():
        (Path(folder) / name).write_bytes(raw)
    return Path(folder)
