"""Tests of the types that a site sees."""
