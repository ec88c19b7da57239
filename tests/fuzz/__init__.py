"""Deliveries nobody would write by hand. ``python -m tests.fuzz`` looks for more of them, guided by coverage."""
