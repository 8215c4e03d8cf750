"""Facts of the data sets that can be fetched: files, digests, mirrors, shapes, counts, licence, citation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """A published file: its digest is ``algorithm:hex``, as its publisher or a library that fetches it states it."""

    name: str
    digest: str
    urls: tuple[str, ...]
    size: int | None = None
    same: tuple[str, ...] = ()
    """Digests of the same content in another packing."""


@dataclass(frozen=True)
class Entry:
    """A data set: what it holds, and the files of each split."""

    name: str
    title: str
    form: str
    shape: tuple[int, ...]
    """Of one image, or of the addresses of events."""
    n_classes: int
    counts: Mapping[str, int]
    files: Mapping[str, tuple[File, ...]]
    licence: str
    citation: str
    homepage: str
    digests_from: str

    @property
    def of_events(self) -> bool:
        """Whether the samples are spike trains."""
        return self.form in ("n-mnist", "shd")

    def all_files(self) -> tuple[File, ...]:
        """The files of all splits, each once."""
        return tuple(dict.fromkeys(file for part in self.files.values() for file in part))


def _files(table: str, *mirrors: str) -> dict[str, File]:
    """Files of a table of names, sizes in bytes and digests, each to be had from every mirror."""
    found = {}
    for line in table.strip().splitlines():
        name, size, digest, *same = line.split()
        found[name] = File(
            name, digest, tuple(each + name for each in mirrors), int(size) or None, tuple(same)
        )
    return found


def _idx(files: dict[str, File]) -> dict[str, tuple[File, ...]]:
    """Images and labels of the splits, by MNIST's names of files."""
    kinds = ("images-idx3", "labels-idx1")
    return {
        split: tuple(files[f"{prefix}-{kind}-ubyte.gz"] for kind in kinds)
        for split, prefix in (("train", "train"), ("test", "t10k"))
    }


# size 0: not stated
_MNIST = _files(
    """
    train-images-idx3-ubyte.gz 9912422 sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609
    train-labels-idx1-ubyte.gz   28881 sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c
    t10k-images-idx3-ubyte.gz  1648877 sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6
    t10k-labels-idx1-ubyte.gz     4542 sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6
    """,
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# the second digest is that of Debian's package dataset-fashion-mnist, which packs the same arrays anew
_FASHION = _files(
    """
    train-images-idx3-ubyte.gz 26421880 sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84 \
        sha256:b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7
    train-labels-idx1-ubyte.gz    29515 sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845 \
        sha256:0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056
    t10k-images-idx3-ubyte.gz   4422102 sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073 \
        sha256:cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa
    t10k-labels-idx1-ubyte.gz      5148 sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5 \
        sha256:8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05
    """,
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
_EMNIST = _files(
    "gzip.zip 561753746 sha256:fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
    "https://biometrics.nist.gov/cs_links/EMNIST/",
    "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
)
_CIFAR = _files(
    "cifar-10-binary.tar.gz 170052171 sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    "https://www.cs.toronto.edu/~kriz/",
)
_SHD = _files(
    """
    shd_train.h5.gz 0 md5:d47c9825dee33347913e8ce0f2be08b0
    shd_test.h5.gz 0 md5:3062a80ec0c5719404d5b02e166543b1
    """,
    "https://zenkelab.org/datasets/",
    "https://compneuro.net/datasets/",
)
_MENDELEY = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/"
_NMNIST: dict[str, tuple[File, ...]] = {
    "train": (
        File(
            "Train.zip",
            "md5:20959b8e626244a1b502305a9e6e2031",
            (_MENDELEY + "39c25547-014b-4137-a934-9d29fa53c7a0/file_downloaded",),
        ),
    ),
    "test": (
        File(
            "Test.zip",
            "md5:69ca8762b2fe404d9b9bad1103e97832",
            (_MENDELEY + "05a4d654-7e03-4c15-bdfa-9bb2bcbea494/file_downloaded",),
        ),
    ),
}
ENTRIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "mnist",
            "MNIST",
            "idx",
            (28, 28),
            10,
            {"train": 60_000, "test": 10_000},
            _idx(_MNIST),
            "CC BY-SA 3.0",
            "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition (1998)",
            "http://yann.lecun.com/exdb/mnist/",
            "TensorFlow Datasets (SHA-256)",
        ),
        Entry(
            "fashion-mnist",
            "Fashion-MNIST",
            "idx",
            (28, 28),
            10,
            {"train": 60_000, "test": 10_000},
            _idx(_FASHION),
            "MIT",
            "Xiao, Rasul, Vollgraf: Fashion-MNIST (2017), arXiv:1708.07747",
            "https://github.com/zalandoresearch/fashion-mnist",
            "TensorFlow Datasets (SHA-256)",
        ),
        Entry(
            "emnist-balanced",
            "EMNIST, balanced",
            "emnist",
            (28, 28),
            47,
            {"train": 112_800, "test": 18_800},
            dict.fromkeys(("train", "test"), tuple(_EMNIST.values())),
            "not stated by its authors (made from NIST Special Database 19)",
            "Cohen, Afshar, Tapson, van Schaik: EMNIST (2017), arXiv:1702.05373",
            "https://www.nist.gov/itl/products-and-services/emnist-dataset",
            "TensorFlow Datasets (SHA-256)",
        ),
        Entry(
            "cifar-10",
            "CIFAR-10, binary version",
            "cifar",
            (3, 32, 32),
            10,
            {"train": 50_000, "test": 10_000},
            dict.fromkeys(("train", "test"), tuple(_CIFAR.values())),
            "not stated by its authors",
            "Krizhevsky: Learning multiple layers of features from tiny images (2009)",
            "https://www.cs.toronto.edu/~kriz/cifar.html",
            "TensorFlow Datasets (SHA-256); its authors state the MD5 c32a1d4ab5d03f1284b67883e8d87530",
        ),
        Entry(
            "n-mnist",
            "N-MNIST",
            "n-mnist",
            (2, 34, 34),
            10,
            {"train": 60_000, "test": 10_000},
            _NMNIST,
            "CC BY-SA 4.0",
            "Orchard, Jayawant, Cohen, Thakor: Converting static image datasets to spiking neuromorphic datasets "
            "using saccades (2015)",
            "https://www.garrickorchard.com/datasets/n-mnist",
            "Tonic, SpikingJelly (MD5)",
        ),
        Entry(
            "shd",
            "Spiking Heidelberg Digits",
            "shd",
            (700,),
            20,
            {"train": 8_156, "test": 2_264},
            {split: (_SHD[f"shd_{split}.h5.gz"],) for split in ("train", "test")},
            "CC BY 4.0",
            "Cramer, Stradmann, Schemmel, Zenke: The Heidelberg spiking data sets (2022)",
            "https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/",
            "two independent loaders of the same files (MD5)",
        ),
    )
}
"""By name; the order is that of the list that ``snntheory datasets`` prints."""
