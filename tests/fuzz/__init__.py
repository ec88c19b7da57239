"""Random and mutated deliveries. ``python -m tests.fuzz`` searches for more of them, guided by coverage."""
