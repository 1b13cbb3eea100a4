"""The shell that runs the decisions on a virtual clock and an in-memory cluster."""
