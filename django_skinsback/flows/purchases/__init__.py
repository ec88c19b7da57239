"""The flows of purchases: buy, send, ask SkinsBack, record a report, settle.

``django_skinsback.purchases`` is the public API. Other flows call ``report.decide``, ``send.dispatch`` and the
functions of the module ``ask``.
"""
