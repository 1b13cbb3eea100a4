"""``python -m napsim`` is ``napsim``."""

from napsim.cli.main import app

app()
