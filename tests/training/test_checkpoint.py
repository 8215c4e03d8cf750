"""A checkpoint is either whole or refused with one line, and reading it runs nothing."""

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch

from snntheory import CubaLIF
from snntheory.training import CheckpointError, FirstSpike, Latency, Network, fit, load_network
from snntheory.training import checkpoint as checkpoints


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A checkpoint of a tiny training: its path and bytes."""
    path = tmp_path_factory.mktemp("checkpoint") / "model.pt"
    network = Network((3, 2), CubaLIF(0.02, 0.01, reset="to_value"), 0.001, "parker_sochacki", 3, seed=2)
    images = np.random.default_rng(0).random((4, 3))
    fit(
        network,
        images,
        [0, 1, 1, 0],
        encoder=Latency(0.02, 0.01, "next"),
        loss=FirstSpike(gamma=0.3),
        epochs=1,
        checkpoint=path,
    )
    return network, path, path.read_bytes()


def refused(path, content):
    path.write_bytes(content)
    for read in (checkpoints.load, load_network):
        with pytest.raises(CheckpointError) as caught:
            read(path)
        message = str(caught.value)
        assert str(path) in message and "\n" not in message
    return message


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def test_round_trip(saved):
    network, path, _ = saved
    again, encoder, loss = load_network(path)
    assert again.settings() == network.settings()
    for a, b in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert (encoder, loss) == (Latency(0.02, 0.01, "next"), FirstSpike(gamma=0.3))
    assert isinstance(CheckpointError("x"), ValueError)


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no checkpoint at .*none.pt"):
        checkpoints.load(tmp_path / "none.pt")
    with pytest.raises(CheckpointError, match="no whole checkpoint"):
        checkpoints.load(tmp_path)  # a folder


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.99, 0.9999])
def test_truncated(saved, tmp_path, share):
    raw = saved[2]
    message = refused(tmp_path / "cut.pt", raw[: int(share * len(raw))])
    assert "is no whole checkpoint" in message and "train again" in message


def test_a_flipped_byte_is_refused_or_changes_nothing(saved, tmp_path):
    _, path, raw = saved
    good, target = checkpoints.load(path), tmp_path / "flipped.pt"
    with zipfile.ZipFile(path) as archive:
        # of every member: its tensor's bytes, and the attributes that can declare it a folder
        places = {member.header_offset + 30 + len(member.filename) for member in archive.infolist()}
    directory = raw.index(b"PK\x01\x02")
    places |= set(range(directory, len(raw), 3)) | set(range(0, directory, 61))
    n_refused = 0
    for place in sorted(places):
        for flip in (0xFF, 0x10):
            flipped = bytearray(raw)
            flipped[place] ^= flip
            target.write_bytes(bytes(flipped))
            try:
                content = checkpoints.load(target)
            except CheckpointError as error:
                assert "\n" not in str(error)
                n_refused += 1
            else:
                assert same(content, good), f"byte {place}"  # padding and the like
    assert n_refused > len(places)  # more than half of the flips


def test_every_byte_of_every_tensor_counts(saved, tmp_path):
    _, path, raw = saved
    with zipfile.ZipFile(path) as archive:
        tensors = [member for member in archive.infolist() if "/data/" in member.filename]
        assert len(tensors) == 4  # weights, and Adam's step and two moments
        for member in tensors:
            body = archive.read(member)
            start = raw.index(body, member.header_offset)
            for place in range(start, start + len(body)):
                flipped = bytearray(raw)
                flipped[place] ^= 1
                assert "damaged" in refused(tmp_path / "flipped.pt", bytes(flipped))


class Bomb:
    """Unpickled, it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_is_not_executed(saved, tmp_path):
    trap = tmp_path / "executed"
    zipped, legacy = io.BytesIO(), io.BytesIO()
    content = checkpoints.load(saved[1]) | {"history": Bomb(trap)}
    torch.save(content, zipped)
    torch.save(content, legacy, _use_new_zipfile_serialization=False)
    bombs = [pickle.dumps(content), pickle.dumps(Bomb(trap)), zipped.getvalue(), legacy.getvalue()]
    for number, bomb in enumerate(bombs):
        refused(tmp_path / f"{number}.pt", bomb)
        assert not trap.exists()
    with pytest.warns(ResourceWarning):  # it is a bomb: torch itself, told to trust it, lets it off
        torch.load(tmp_path / "2.pt", weights_only=False)
        __import__("gc").collect()
    assert trap.exists()


def test_other_files(tmp_path):
    archive = io.BytesIO()
    np.savez(archive, weights=np.zeros(3))
    foreign = io.BytesIO()
    torch.save({"state_dict": torch.zeros(2)}, foreign)
    tensor = io.BytesIO()
    torch.save(torch.zeros(2), tensor)
    assert "is no whole checkpoint" in refused(tmp_path / "a.pt", b"epoch,loss\n1,0.5\n")
    assert "is no whole checkpoint" in refused(tmp_path / "b.pt", archive.getvalue())
    for number, other in enumerate((foreign, tensor)):
        message = refused(tmp_path / f"c{number}.pt", other.getvalue())
        assert "was it written by another program?" in message


def test_content_of_another_version(saved, tmp_path):
    content, path = checkpoints.load(saved[1]), tmp_path / "other.pt"
    del content["schema"]
    for changes in (
        {"network": {"sizes": [3, 2]}},
        {"weights": {}},
        {"weights": {"_weights.0": torch.zeros(2, 2)}},
        {"network": content["network"] | {"depth": 3}},
        {"network": content["network"] | {"sizes": [3, 2, 2]}},
        {"network": None},
        {"encoder": {"window": 0.1}},
        {"encoder": {"name": "latency", "speed": 1}},
        {"loss": None},
    ):
        checkpoints.save(path, content | changes)
        with pytest.raises(CheckpointError, match="of this version") as caught:
            load_network(path)
        assert "\n" not in str(caught.value)


def test_saving_replaces_the_whole_file_or_nothing(saved, tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    checkpoints.save(path, {"step": 1})
    first = path.read_bytes()

    def broken(content, target):
        target.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(path, {"step": 2})
    assert path.read_bytes() == first
    assert [each.name for each in tmp_path.iterdir()] == ["model.pt"]
