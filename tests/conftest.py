import pytest

pytest_plugins = ["django_skinsback.testing"]


@pytest.fixture
def user(django_user_model):
    return django_user_model.objects.create_user("alice")


@pytest.fixture
def operator(django_user_model):
    return django_user_model.objects.create_superuser("operator")
