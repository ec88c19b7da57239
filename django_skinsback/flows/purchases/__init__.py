"""The flows of purchases: buy, send, ask SkinsBack, record a report, settle.

``django_skinsback.purchases`` is the public API. Other packages also use ``report``, ``ask``, ``send.dispatch``,
``send.resend``, ``preview.preview``, ``buy.read_item`` and ``settle.refund_obstacle``.
"""
