"""The only way to change a row about money: lock it, decide, write row, history and entries, verify that all is saved.

Others call ``record.record``, ``record.change``, ``edit.lock_for_edit``, ``seen``, ``audit.audit`` and the helpers of
``database``.
"""
