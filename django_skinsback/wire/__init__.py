"""SkinsBack's wire format: requests, answers, notifications and their signatures. No input or output happens here.

``requests`` builds a request, ``answers`` and ``pricelist`` read what comes back, ``notifications`` verifies and reads
webhooks, ``types`` and ``market`` are the values that these return.
"""
