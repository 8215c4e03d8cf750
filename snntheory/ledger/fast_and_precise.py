"""The entries of Lee, Haghighatshoar and Karbasi (2023), under the name by which the ledger looks for them."""

from .lee import ENTRIES

__all__ = ["ENTRIES"]
