from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SkinsBackConfig(AppConfig):
    name = "django_skinsback"
    label = "skinsback"
    verbose_name = _("SkinsBack")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, conf, database_checks  # noqa: F401 - both register the system checks

        conf.hide_proxy_url()
