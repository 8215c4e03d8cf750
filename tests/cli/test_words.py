"""Errors in the words of the command line."""

import pytest

from snntheory.cli.words import in_options

OPTIONS = {
    name: "--" + name.replace("_", "-")
    for name in ("max_rate", "dt", "arrivals", "dims", "window", "v_reset")
}
OPTIONS |= {"resample": "--resample", "variable": "--variable", "folder": "--out", "source": "--source"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_rate * dt must be at most 1", "--max-rate * --dt must be at most 1"),
        ("use arrivals='poisson' or a smaller max_rate", "use --arrivals poisson or a smaller --max-rate"),
        ("window must be above 0", "--window must be above 0"),
        ("got window=0.1 s, dt=1e-3 s; done", "got --window 0.1 s, --dt 1e-3 s; done"),
        ("no dims (dims) said", "no --dims (--dims) said"),
        (
            "For example: load_traces('v.npy', dims=('time', 'trial'), dt=0.001)",
            "For example: snntheory analyse v.npy --dims time,trial --dt 0.001",
        ),
        ("load_traces(path, variable='mem', ...)", "snntheory analyse FILE --variable mem"),
        (
            "grid: load_traces(path, dt=0.099, resample='linear')",
            "grid: snntheory analyse FILE --dt 0.099 --resample linear",
        ),
        ("v.pt says dt = 1 s; leave dt out", "v.pt says --dt = 1 s; leave --dt out"),
        ("v_reset must lie below v_threshold", "--v-reset must lie below v_threshold"),  # no such option here
    ],
)
def test_arguments_become_options(text, expected):
    assert in_options(text, OPTIONS) == expected


@pytest.mark.parametrize(
    "text",
    [
        "there is no file /data/dt/dims.npy",
        "there is no file dt.npy",
        "'dt' is no array of the file",
        "the window of the encoder; a variable step",
        "there is no folder; a source of errors",
        "the attribute order=3 of a file",
        "traces at --dt",
    ],
)
def test_what_is_no_argument_stays(text):
    assert in_options(text, OPTIONS) == text


def test_an_unknown_command_has_no_options():
    assert in_options("dt must be above 0", {}) == "dt must be above 0"
