"""The flows of deposits: create, refresh, record a report, credit, approve a hold, settle.

``django_skinsback.deposits`` is the public API. Other flows call ``report.decide`` and ``report.record_report``.
"""
