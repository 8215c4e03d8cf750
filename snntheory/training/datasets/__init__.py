"""Labelled images and spike trains: what ships with the package, what it fetches, and files of one's own."""

from .own_files import Labelled, load_images
from .shipped import SPLITS, iris, mnist_subset, yin_yang

__all__ = ["SPLITS", "Labelled", "iris", "load_images", "mnist_subset", "yin_yang"]
