"""napsim: what will happen to my nodes when the next node image ships, when, and what will stand in the way."""

__version__ = "0.1.0.dev0"
