"""The command line: argv to one verb. Heavy imports happen inside the verb that needs them."""

from sagittal.cli.program import NOTICE, app, main

__all__ = ["NOTICE", "app", "main"]
