"""What every experiment says: its lines of progress, and its settings as plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

Report = Callable[[str], None]


def plain(settings: Any) -> dict[str, Any]:
    """Settings, a dataclass, as plain values (for files)."""
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in asdict(settings).items()
    }
