"""The only way to change a deposit or purchase: lock the row, decide, write row, history and ledger entries, verify.

Other packages call ``record.record``, ``record.change``, ``edit.lock_for_edit``, ``audit.audit`` and the functions of
``seen`` and ``database``.
"""
