"""Advice for a framework's own parameters: the neuron that it is, and only what it can run."""

import sys

import pytest

from snntheory import cli, recommend
from snntheory.advice.clocked import RUNS, recommend_framework
from snntheory.linear import frameworks

VALUES = {"alpha": 0.9, "beta": 0.95}


def test_the_answer_of_its_neuron_with_the_choices_that_it_can_run():
    found = recommend_framework("snntorch.Synaptic", VALUES, 1e-3)
    neuron, _ = frameworks.get("snntorch.Synaptic").neuron_of(VALUES, 1e-3)
    whole = recommend(neuron, 1e-3)
    assert found.neuron == neuron
    for part in found.parts:
        runs = RUNS.get(part.kind, ())
        assert part.choices == tuple(each for each in whole[part.kind].choices if each.name in runs)
        assert bool(part.choices) == (part.evidence is not None)
        assert set(found.reach.get(part.kind, {})) <= set(runs)
    assert found.best("placement").name == "grid" and found.best("scheme").loss < 1e-12
    assert "steps a clock" in found["late"].note and "steps a clock" in str(found)
    assert whole["late"].choices  # there is something that was left out
    names = {each.name for part in whole.parts for each in part.choices}
    assert {name for kind, row in RUNS.items() if kind != "budget" for name in row} <= names


def test_the_command_takes_a_framework(monkeypatch, capsys):
    def said(*given):
        monkeypatch.setattr(sys, "argv", ["snntheory", "recommend", "--dt", "0.001", *given])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, capsys.readouterr()

    named = "--framework", "snntorch.Synaptic"
    code, text = said(*named, "--set", "alpha=0.9,beta=0.95")
    assert code == 0 and "snntorch.Synaptic steps a clock" in text.out
    for given, problem in (
        (("--set", "alpha=0.9"), "--set needs --framework"),
        ((*named, "--set", "alpha=0.9,beta=0.95", "--tau-mem", "0.02"), "exclude each other"),
        ((*named, "--set", "alpha"), "NAME=VALUE"),
        ((*named, "--set", "alpha=0.9"), "exactly alpha, beta"),
        (named, "--set must be given: all parameters of snntorch.Synaptic, alpha=...,beta=..."),
        (("--framework", "snntorch", "--set", "alpha=0.9"), "--framework must be one of"),
    ):
        code, text = said(*given)
        assert code and problem in text.err
