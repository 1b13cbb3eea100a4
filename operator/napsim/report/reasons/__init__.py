"""Every condition, event and reason: what it means, what to do, and where upstream says it."""
