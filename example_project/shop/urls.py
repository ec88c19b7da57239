"""URLs of the shop."""

from django.urls import path

from .views import account, deposits, market, purchases

app_name = "shop"

urlpatterns = [
    path("", market.market, name="market"),
    path("login/", account.Login.as_view(), name="login"),
    path("logout/", account.Logout.as_view(), name="logout"),
    path("skins/<int:pk>.svg", market.skin_picture, name="picture"),
    path("account/", account.account, name="account"),
    path("wallet/", account.wallet, name="wallet"),
    path("history/", account.history, name="history"),
    path("deposit/", deposits.start_deposit, name="deposit"),
    path("deposit/back/", deposits.back_from_pay_page, name="deposit_back"),
    path("deposit/done/", deposits.done_in_frame, name="deposit_done"),
    path("deposits/<uuid:public_id>/", deposits.show_deposit, name="deposit_page"),
    path("deposits/<uuid:public_id>/status/", deposits.deposit_status, name="deposit_status"),
    path("withdraw/<int:pk>/", purchases.withdraw, name="withdraw"),
    path("purchases/<uuid:public_id>/", purchases.show_purchase, name="purchase_page"),
    path("purchases/<uuid:public_id>/status/", purchases.purchase_status, name="purchase_status"),
]
