"""Tests of the package under the settings of different sites (``tests.hosts.sites``)."""
