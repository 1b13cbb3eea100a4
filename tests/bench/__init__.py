"""What a rollout costs: ``python -m tests.bench`` measures the operator against the same writes made by a bare client."""
