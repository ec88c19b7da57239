"""The flows of deposits: create, refresh, record a report, credit, approve a hold, settle.

``django_skinsback.deposits`` is the public API. Other packages also use ``report``, ``refresh.ask_status``,
``credit.has_other_amount``, ``seen.shown_credit``, and ``open_credits`` and ``is_refused`` of ``hold_limits``.
"""
