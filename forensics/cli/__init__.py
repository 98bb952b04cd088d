"""The command line: one file per group of verbs."""

from forensics.cli.main import main

__all__ = ["main"]
