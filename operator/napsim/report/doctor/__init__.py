"""What is missing or misconfigured in a cluster: named checks over what was read of it, and how it is told."""
