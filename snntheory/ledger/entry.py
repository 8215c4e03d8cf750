"""One line of the ledger: a statement of a source, and the calculation that judges it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a calculation says of a printed statement."""

    HOLDS = "holds"
    CONDITION = "holds with a condition"
    MISPRINT = "misprint"
    INCONSISTENT = "inconsistent"
    REFUTED = "does not reproduce"


@dataclass(frozen=True)
class Finding:
    """Result of a check.

    Parameters
    ----------
    verdict : Verdict
    evidence : str
        One line with the measured numbers.
    """

    verdict: Verdict
    evidence: str

    def __post_init__(self) -> None:
        if not isinstance(self.verdict, Verdict):
            raise TypeError(f"verdict must be a Verdict, got {self.verdict!r}")
        if not self.evidence.strip() or "\n" in self.evidence:
            raise ValueError(f"evidence must be one line of text, got {self.evidence!r}")


@dataclass(frozen=True)
class Entry:
    """A numbered equation or a claim of a source, with the check that computes its verdict.

    Parameters
    ----------
    source : str
        Short name of the source, one of :data:`snntheory.ledger.SOURCES`.
    label : str
        Where it stands: ``"(12)"``, or ``"text, section 2.4"``.
    title : str
        What it says, in a few words.
    statement : str
        The statement in LaTeX (mathematics only, no dollar signs), in our notation.
    recorded : Verdict
        The verdict that this package publishes; a test compares it with what ``check`` computes.
    check : callable
        Computes the verdict from the model: without arguments, deterministic.
    correction : str
        The right form in LaTeX, where the printed one is not right.
    consequence : str
        What goes wrong for one who uses the statement as printed: a plain sentence.
    """

    source: str
    label: str
    title: str
    statement: str
    recorded: Verdict
    check: Callable[[], Finding]
    correction: str = ""
    consequence: str = ""

    @property
    def name(self) -> str:
        """Source and label, for example ``"hu (12)"``."""
        return f"{self.source} {self.label}"
