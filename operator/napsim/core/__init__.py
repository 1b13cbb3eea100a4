"""Decisions: pure functions of (state, now), without I/O, clock, randomness or logging."""
