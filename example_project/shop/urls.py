"""Every page of the shop."""

from django.urls import path

from .views import deposits, market, people, purchases

app_name = "shop"

urlpatterns = [
    path("", market.market, name="market"),
    path("login/", people.Login.as_view(), name="login"),
    path("logout/", people.Logout.as_view(), name="logout"),
    path("skins/<int:pk>.svg", market.skin_picture, name="picture"),
    path("account/", people.account, name="account"),
    path("wallet/", people.wallet, name="wallet"),
    path("history/", people.history, name="history"),
    path("deposit/", deposits.start_deposit, name="deposit"),
    path("deposit/back/", deposits.back_from_pay_page, name="deposit_back"),
    path("deposit/done/", deposits.done_in_frame, name="deposit_done"),
    path("deposits/<uuid:public_id>/", deposits.show_deposit, name="deposit_page"),
    path("deposits/<uuid:public_id>/status/", deposits.deposit_status, name="deposit_status"),
    path("withdraw/<int:pk>/", purchases.withdraw, name="withdraw"),
    path("purchases/<uuid:public_id>/", purchases.show_purchase, name="purchase_page"),
    path("purchases/<uuid:public_id>/status/", purchases.purchase_status, name="purchase_status"),
]
