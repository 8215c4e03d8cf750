"""One source of dependencies: environment.yml, the lock and the citation follow pyproject.toml."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


def own(requirements):
    """The requirements with the project's own extras, such as snntheory[train], replaced by what they hold."""
    found = set()
    for each in requirements:
        extras = re.fullmatch(r"snntheory\[(.*)\]", each)
        found |= own(x for e in extras[1].split(",") for x in EXTRAS[e]) if extras else {each}
    return found


def name(requirement):
    return re.split(r"[<>=\[ ;]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def test_environment_file_equals_pyproject():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    conda = [each for each in listed if isinstance(each, str)]
    (pip,) = [each["pip"] for each in listed if isinstance(each, dict)]
    assert set(conda) - {"pip"} == own(PROJECT["dependencies"]) | {f"python{PROJECT['requires-python']}"}
    assert set(pip) == own(EXTRAS["train"]) | own(EXTRAS["book"]) | own(EXTRAS["test"])
    assert len(pip) == len(set(pip)) and len(conda) == len(set(conda))


def test_the_promised_extras_exist():
    assert {"train", "book", "test", "cluster", "electrophysiology", "gpu", "interop"} <= set(EXTRAS)
    assert "torch>=2.6" in EXTRAS["train"]


def test_lock_pins_every_dependency_exactly():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    pattern = r"[A-Za-z0-9._-]+==[^ +;]+(; platform_system == 'Linux')?"
    assert all(re.fullmatch(pattern, pin) for pin in pins), "every line is NAME==VERSION"
    locked = {name(pin): pin.split("==")[1].partition(";")[0] for pin in pins}
    wanted = own(PROJECT["dependencies"]).union(*(own(EXTRAS[extra]) for extra in ("train", "book", "test")))
    assert {name(each) for each in wanted} <= set(locked)
    assert locked["torch"] == "2.13.0" and locked["jupyter-book"] == "1.0.4.post1"


def test_lock_is_what_is_installed():
    from importlib import metadata

    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    for pin in (line for line in lines if line and not line.startswith("#")):
        package, version = pin.partition(";")[0].split("==")
        try:
            found = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # a core-only environment has fewer
        assert found.split("+")[0] == version, (
            f"{package}: locked {version}, installed {found}; run make setup"
        )


def test_citation_names_the_version():
    from snntheory import __version__

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert {"cff-version", "title", "message", "authors", "license"} <= set(citation)


def test_top_level_is_the_house():
    names = "book snntheory tests benchmarks environment.yml _config.yml README.md pyproject.toml requirements.lock"
    names += " Makefile LICENSE LICENSE-book CITATION.cff CHANGELOG.md CONTRIBUTING.md .ci/run"
    assert not [each for each in names.split() if not (ROOT / each).exists()]


def test_shared_notes_are_not_needed_at_run_time():
    for path in (ROOT / "snntheory").rglob("*.py"):
        assert "../shared" not in path.read_text(encoding="utf-8"), path
