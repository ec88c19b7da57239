import pytest


@pytest.fixture
def site(settings):
    """Changes keys of ``SKINSBACK``."""

    def change(**values):
        settings.SKINSBACK = {**settings.SKINSBACK, **values}

    return change
