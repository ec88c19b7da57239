"""The only way to change a deposit or purchase: lock the row, decide, write row, history and ledger entries, verify.

Other packages use ``record``, ``edit``, ``database``, ``seen``, ``idempotency``, ``stuck`` and ``duplicate_rows``,
``audit.audit``, ``queues.announce_queue_entered`` and ``sums.ExactSum``.
"""
