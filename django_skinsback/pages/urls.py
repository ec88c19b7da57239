"""The URLs of the pages: ``path("skins/", include("django_skinsback.pages.urls"))``, not inside another namespace."""

from django.urls import path

from .views import cart, deposits, history, inventory, orders, purchases, trade_url, withdraw

app_name = "skinsback-pages"

urlpatterns = [
    path("deposit/", deposits.start, name="deposit"),
    path("deposit/inventory/", inventory.choose, name="deposit_inventory"),
    path("deposit/back/", deposits.back, name="deposit_back"),
    path("deposit/back/<uuid:key>/", deposits.back, name="deposit_back"),
    path("deposit/done/<uuid:key>/", deposits.done_in_frame, name="deposit_done"),
    path("deposit/<uuid:public_id>/", deposits.show, name="deposit_row"),
    path("deposit/<uuid:public_id>/status/", deposits.status, name="deposit_status"),
    path("history/", history.history, name="history"),
    path("trade-url/", trade_url.edit, name="trade_url"),
    path("withdraw/", withdraw.market, name="withdraw"),
    path("withdraw/cart/", cart.show, name="cart"),
    path("withdraw/cart/add/", cart.add, name="cart_add"),
    path("withdraw/cart/remove/", cart.remove, name="cart_remove"),
    path("withdraw/quotes/", cart.make_quotes, name="quotes"),
    path("withdraw/confirm/", orders.confirm, name="confirm"),
    path("withdraw/order/", orders.order, name="order"),
    path("withdraw/order/status/", orders.order_status, name="order_status"),
    path("withdraw/<uuid:public_id>/", purchases.show, name="purchase"),
    path("withdraw/<uuid:public_id>/status/", purchases.status, name="purchase_status"),
]
