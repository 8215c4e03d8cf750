"""Labelled images and spike trains: what ships with the package, what is fetched, and files of one's own."""

from .catalogue import ENTRIES
from .download import DatasetUnavailable, fetch, home
from .events import EventSamples
from .loading import Status, load, names, status
from .own_files import Labelled, load_images
from .shipped import SPLITS, iris, mnist_subset, yin_yang

__all__ = [
    "ENTRIES",
    "SPLITS",
    "DatasetUnavailable",
    "EventSamples",
    "Labelled",
    "Status",
    "fetch",
    "home",
    "iris",
    "load",
    "load_images",
    "mnist_subset",
    "names",
    "status",
    "yin_yang",
]
