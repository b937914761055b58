"""The command line; `main` runs one command."""

from ketaoutcomes.cli.main import main

__all__ = ["main"]
