"""Template tags of the package. Templates load them with ``{% load skinsback %}``."""
