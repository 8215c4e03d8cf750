"""Artefacts: saved with their provenance, loaded only when they are what was recorded."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from snntheory import artefacts, make_traces

SHIPPED = artefacts.names()


@pytest.fixture
def saved(tmp_path):
    """An artefact ``two-neurons`` in a folder of its own, and its traces."""
    traces = make_traces(np.random.default_rng(0).random((3, 2, 40)), 0.001, phase="after input")
    path = artefacts.save(
        "two-neurons",
        traces,
        command="snntheory experiment two-neurons",
        settings={"seed": 3, "time_steps": [0.001, 0.002]},
        wall_seconds=12.34,
        headline={"accuracy": 0.951},
        folder=tmp_path,
    )
    assert path == tmp_path / "two-neurons.nc"
    return tmp_path, traces


def rewrite(folder, **changes):
    """Change the description; a value of None takes the key out."""
    path = folder / "two-neurons.json"
    facts = json.loads(path.read_text())
    for key, value in changes.items():
        facts.pop(key, None)
        if value is not None:
            facts[key] = value
    path.write_text(json.dumps(facts))


def test_round_trip(saved):
    folder, traces = saved
    assert artefacts.names(folder) == ("two-neurons",)
    loaded = artefacts.load("two-neurons", str(folder))
    np.testing.assert_array_equal(loaded["voltage"], traces["voltage"])
    assert loaded.attrs["dt"] == 0.001 and loaded.attrs["phase"] == "after input"
    assert sorted(each.name for each in folder.iterdir()) == ["two-neurons.json", "two-neurons.nc"]


def test_provenance_says_what_was_done(saved):
    folder, _ = saved
    facts = artefacts.provenance("two-neurons", folder)
    assert facts["settings"] == {"seed": 3, "time_steps": [0.001, 0.002]}
    assert facts["headline"] == {"accuracy": 0.951}
    assert facts["wall_seconds"] == 12.3 and facts["device"] == "cpu"
    assert facts["libraries"]["numpy"] == np.__version__
    assert facts["sources_sha256"] == artefacts.sources_digest()
    assert abs((datetime.now(UTC).date() - datetime.fromisoformat(facts["made"]).date()).days) <= 1
    sum_file = subprocess.run(
        ["sha256sum", folder / "two-neurons.nc"], capture_output=True, text=True, check=True
    )
    assert facts["sha256"] == sum_file.stdout.split()[0]


def test_one_line_for_a_reader(saved):
    folder, _ = saved
    facts, line = artefacts.provenance("two-neurons", folder), artefacts.one_line("two-neurons", folder)
    assert "\n" not in line
    for part in (
        "two-neurons",
        facts["made"],
        "`snntheory experiment two-neurons`",
        "12 s on cpu",
        facts["sha256"][:12],
        facts["sources_sha256"][:12],
    ):
        assert part in line


def test_a_flipped_byte_is_found(saved):
    folder, _ = saved
    path = folder / "two-neurons.nc"
    raw = path.read_bytes()
    for place in (0, len(raw) // 3, len(raw) - 1):
        flipped = bytearray(raw)
        flipped[place] ^= 1
        path.write_bytes(bytes(flipped))
        with pytest.raises(
            artefacts.ArtefactError, match="is not the recorded file.*snntheory experiment two-neurons"
        ):
            artefacts.load("two-neurons", folder)
    path.write_bytes(raw[:-10])
    with pytest.raises(artefacts.ArtefactError, match="is not the recorded file"):
        artefacts.load("two-neurons", folder)
    path.write_bytes(raw)
    artefacts.load("two-neurons", folder)


def test_a_missing_recording_says_how_to_make_it(saved):
    folder, _ = saved
    (folder / "two-neurons.nc").unlink()
    with pytest.raises(
        artefacts.ArtefactError, match="is missing; record it again with: snntheory experiment"
    ):
        artefacts.load("two-neurons", folder)


def test_damaged_descriptions(saved):
    folder, _ = saved
    path = folder / "two-neurons.json"
    whole = path.read_text()
    for content in (whole[:-20].encode(), b"", b"\xff\xfe\x00", b"NaN,"):
        path.write_bytes(content)
        for read in (artefacts.provenance, artefacts.load, artefacts.one_line):
            with pytest.raises(artefacts.ArtefactError, match="two-neurons.json is damaged") as caught:
                read("two-neurons", folder)
            assert "\n" not in str(caught.value)
    for content in ("[1, 2]", "{}", '{"schema": "other/1"}'):
        path.write_text(content)
        with pytest.raises(artefacts.ArtefactError, match="does not describe an artefact of schema"):
            artefacts.load("two-neurons", folder)
    path.write_text(whole)
    rewrite(folder, sha256=None, command=None)
    with pytest.raises(artefacts.ArtefactError, match="it does not say sha256, command"):
        artefacts.load("two-neurons", folder)
    assert issubclass(artefacts.ArtefactError, ValueError)


def test_unknown_names(saved):
    folder, _ = saved
    with pytest.raises(ValueError, match="name must be one of 'two-neurons'; got 'two-neuron' .did you mean"):
        artefacts.load("two-neuron", folder)
    with pytest.raises(ValueError, match="there are no artefacts in .*nowhere"):
        artefacts.load("two-neurons", folder / "nowhere")


@pytest.mark.parametrize("name", ["", "a/b", "../a", "a b", "a\n"])
def test_names_that_are_no_file_names(tmp_path, name):
    traces = make_traces(np.zeros((1, 1, 4)), 0.001)
    with pytest.raises(ValueError, match="name must consist of"):
        artefacts.save(
            name, traces, command="", settings={}, wall_seconds=0.0, headline={}, folder=tmp_path / "here"
        )
    assert list(tmp_path.rglob("*")) == []


def test_what_cannot_be_described_leaves_nothing(saved):
    folder, traces = saved
    with pytest.raises(TypeError):
        artefacts.save(
            "other", traces, command="", settings={"x": object()}, wall_seconds=0, headline={}, folder=folder
        )
    assert artefacts.names(folder) == ("two-neurons",)
    assert sorted(each.name for each in folder.iterdir()) == ["two-neurons.json", "two-neurons.nc"]


def test_a_description_that_cannot_be_written_leaves_no_traces(saved, monkeypatch):
    """Nor does it take those that are there: the disk is full when the description is written."""
    folder, traces = saved
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    write = Path.write_text

    def full(path, *arguments, **options):
        if path.suffix == ".json":
            raise OSError(28, "No space left on device")
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full)
    for name in ("two-neurons", "other"):
        with pytest.raises(OSError, match="No space left"):
            artefacts.save(name, traces, command="", settings={}, wall_seconds=0, headline={}, folder=folder)
        assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


FULL = """
import resource, signal, sys
import numpy as np, xarray as xr
from snntheory import artefacts, make_traces, save_traces
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
rng, folder = np.random.default_rng(0), sys.argv[1]
about = dict(command="snntheory x", settings={}, wall_seconds=0, headline={}, folder=folder)
for write in (
    lambda: artefacts.save("big", xr.Dataset({"x": ("t", rng.random(20_000))}), **about),
    lambda: artefacts.save("traces", make_traces(rng.random((1, 1, 20_000)), 1e-3), **about),
    lambda: save_traces(make_traces(rng.random((1, 1, 20_000)), 1e-3), folder + "/mine.nc"),
):
    try:
        write()
    except OSError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file sizes cannot be limited")
def test_a_disk_that_is_full_half_way_through_a_file(tmp_path):
    """HDF5 itself raises another error, and ends the process when it is collected."""
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"cannot write {tmp_path / name}" for name in ("big.json", "traces.json", "mine.nc")
    ]
    assert all(
        line.endswith(": File too large; check the folder, its permissions and the space") for line in lines
    )
    assert not list(tmp_path.iterdir())


def test_the_digest_of_the_sources_changes_with_them(tmp_path, monkeypatch):
    import shutil

    shutil.copytree(artefacts.FOLDER.parent, tmp_path / "snntheory", ignore=shutil.ignore_patterns("*.npz"))
    monkeypatch.setattr(artefacts, "FOLDER", tmp_path / "snntheory" / "artefacts")
    before = artefacts.sources_digest()
    trainer, code = "training/trainer.py", "CHANGED = True\n"
    words = '# changed\n\n"""Changed,\nin two lines."""\n\n\ndef changed():\n    {}\n    return 1  # here\n'
    for name, more, counts in [
        (trainer, code, True),
        ("neuron.py", code, True),
        ("plotting/style.py", code, False),
        (trainer, '# changed\n\n\n"""Changed,\nin two lines."""\n', False),
        (trainer, 'CHANGED = """Text\nthat is read."""\n', True),
    ]:
        path = tmp_path / "snntheory" / name
        text = path.read_text()
        path.write_text(text + more)
        assert (artefacts.sources_digest() != before) == counts, (name, more)
        path.write_text(text)
    assert artefacts.sources_digest() == before
    path = tmp_path / "snntheory" / trainer
    path.write_text(text + words.format('"""Before."""'))
    before = artefacts.sources_digest()
    path.write_text(text + words.format('"""After,\n\n    and longer."""'))
    assert artefacts.sources_digest() == before
    path.write_text(text + words.format('"""After."""').replace("return 1", "return 2"))
    assert artefacts.sources_digest() != before


@pytest.mark.skipif(not SHIPPED, reason="no artefacts are shipped yet")
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_artefacts_are_whole(name):
    data = artefacts.load(name)
    assert data.data_vars and all(each.size > 0 for each in data.data_vars.values())
    facts = artefacts.provenance(name)
    assert facts["command"].startswith("snntheory ") and facts["name"] == name
    assert name in artefacts.one_line(name)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_artefacts_are_of_these_sources(name):
    facts = artefacts.provenance(name)
    if facts["sources_sha256"] != artefacts.sources_digest():
        pytest.skip(f"sources have changed since {facts['made']}; record it again with: {facts['command']}")
