"""``python -m snntheory`` is the command ``snntheory``."""

from .cli import main

main()
