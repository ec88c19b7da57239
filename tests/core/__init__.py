"""Tests of the package without extras, and of the built wheel."""
