"""The one recorded path: lock a row, decide, write row, history and entries, verify the commit.

Others call ``record.record``, ``record.change``, ``edit.lock_for_edit``, ``seen``, ``audit.audit`` and the helpers of
``database``.
"""
