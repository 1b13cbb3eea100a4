"""What a rollout costs: ``python -m tests.bench`` sets the operator beside a bare client that makes the same writes."""
