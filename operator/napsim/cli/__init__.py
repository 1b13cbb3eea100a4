"""The command line: the composition root that wires shells, reports and clusters together."""
