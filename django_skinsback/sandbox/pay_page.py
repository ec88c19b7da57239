ACCOUNTS = {
    "76561198999000001": "Juniper",
}


class PayPage:
    def __init__(self, world):
        pass

    choose = offer = trade = decide = finished = None
