"""The addresses of the API: ``path("api/", include("django_skinsback.rest.urls"))``."""

from django.urls import path, re_path

try:
    import drf_spectacular  # noqa: F401 - the views need it
    import rest_framework  # noqa: F401 - the views need it
except ImportError as missing:
    raise ImportError("The REST API needs Django REST framework: pip install 'django-skinsback[rest]'") from missing

from .views import account, deposits, market, purchases, schema

app_name = "skinsback-rest"

urlpatterns = [
    path("v1/deposits/", deposits.DepositsView.as_view(), name="deposits"),
    path("v1/deposits/from-inventory/", deposits.InventoryDepositsView.as_view(), name="deposits-from-inventory"),
    path("v1/deposits/<uuid:public_id>/", deposits.DepositView.as_view(), name="deposit"),
    path("v1/inventory/", market.InventoryView.as_view(), name="inventory"),
    path("v1/market/", market.MarketView.as_view(), name="market"),
    path("v1/quotes/", purchases.QuotesView.as_view(), name="quotes"),
    path("v1/quotes/<uuid:public_id>/", purchases.QuoteView.as_view(), name="quote"),
    path("v1/purchases/", purchases.PurchasesView.as_view(), name="purchases"),
    path("v1/purchases/<uuid:public_id>/", purchases.PurchaseView.as_view(), name="purchase"),
    path("v1/ledger/", account.LedgerView.as_view(), name="ledger"),
    path("v1/balances/", account.BalancesView.as_view(), name="balances"),
    path("v1/steam-profile/", account.SteamProfileView.as_view(), name="steam-profile"),
    path("v1/config/", account.ConfigView.as_view(), name="config"),
    path("v1/schema/", schema.SchemaView.as_view(), name="schema"),
    re_path(r"^v1/(?:.*/)?$", schema.NotFoundView.as_view(), name="not-found"),
]
