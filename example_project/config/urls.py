"""URLs of the shop, of the pages and the REST API of the package, and of the webhooks that SkinsBack calls."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

favicon = login_not_required(RedirectView.as_view(url=static("shop/icon.svg"), permanent=True))

urlpatterns = [
    path("favicon.ico", favicon),  # the admin's pages have no icon link, so browsers ask for this
    path("", include("example_project.shop.urls")),
    path("", include("django_skinsback.pages.urls")),
    path("api/", include("django_skinsback.rest.urls")),
    path("admin/", admin.site.urls),
    path("skinsback/", include("django_skinsback.urls")),
]
