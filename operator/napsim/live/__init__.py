"""The shell that runs the decisions as an operator on a live cluster."""
