"""Other people's sites: the suite's own tests again, under the settings of ``tests.hosts.sites``."""
