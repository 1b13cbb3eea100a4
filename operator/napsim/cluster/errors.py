"""What can go wrong with a cluster, as exceptions whose message tells a person what to do next."""

from __future__ import annotations


class ClusterError(Exception):
    """Something about a cluster failed; the message names it and the way on."""


class BadOption(ClusterError):
    """What was asked for can never be, such as a name that no cluster may have; the message says what is allowed."""


class PrerequisiteMissing(ClusterError):
    """The machine lacks something that must be there first; the message says how to get it."""


class ClusterExists(ClusterError):
    """A cluster of that name is there already."""


class ClusterNotFound(ClusterError):
    """No cluster of that name is there."""
