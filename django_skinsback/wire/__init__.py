"""SkinsBack's wire format: requests, answers, notifications and their signatures. The functions do no I/O.

``requests`` builds a request. ``answers`` and ``pricelist`` read the answer. ``notifications`` verifies and reads
webhooks. ``types`` and ``market`` contain the classes of the values that these modules return.
"""

API_URL = "https://skinsback.com/api.php"
