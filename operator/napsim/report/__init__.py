"""Rendering of results for terminals and files, and nothing else."""
