"""Compare SkinsBack's lists with the rows here, record missed reports, store the other differences as discrepancies.

Others call ``run.reconcile`` and ``discrepancies.close``.
"""
