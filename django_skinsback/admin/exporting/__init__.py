"""The exports of the admin: CSV files of the lists of deposits, purchases and ledger entries, and daily movements.

``ExportAdmin`` is the base class of the admins whose list can be exported. ``LedgerExportAdmin`` also has the pages of
the daily movements.
"""

from .admin import ExportAdmin, LedgerExportAdmin

__all__ = ["ExportAdmin", "LedgerExportAdmin"]
