"""Reconciliation: compare SkinsBack's lists with the rows here, record missed reports, store other differences.

A stored difference is a Discrepancy. Other packages call ``run.reconcile`` and ``discrepancies.close``, and use
``run.LISTS`` and ``discrepancies.ListResult``.
"""
