"""The Django application ``skinsback``. It registers the system checks and hides ``PROXY_URL`` on debug pages."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _


class SkinsBackConfig(AppConfig):
    name = "django_skinsback"
    label = "skinsback"
    verbose_name = _("SkinsBack")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, conf

        register(checks.check_settings, Tags.security)
        register(checks.check_deployment, Tags.security)
        register(checks.check_character_sets, Tags.database)
        conf.hide_proxy_url()
