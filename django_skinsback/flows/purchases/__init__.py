"""What happens to a purchase: buy, send, ask, report, settle.

``django_skinsback.purchases`` is the public API. Other flows call ``report.decide``, ``send.dispatch`` and ``ask``.
"""
