"""What happens to a deposit: create, report, credit, hold, settle.

``django_skinsback.deposits`` is the public API. Other flows call ``report.decide`` and ``report.record_report``.
"""
