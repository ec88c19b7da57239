"""Compare SkinsBack's lists with the rows here, record what was missed, keep the rest as discrepancies.

Others call ``run.reconcile`` and ``discrepancies.close``.
"""
