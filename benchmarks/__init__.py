"""Benchmarks: compare the package with a plain implementation and with dj-stripe (``make bench``)."""
