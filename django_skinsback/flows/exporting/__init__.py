"""Exports of deposits, purchases and ledger entries, and of the daily movements, as CSV or JSON Lines.

Others may call ``listed.rows_of_list``, ``walk.first_keys``, ``walk.pages_of_keys``, ``walk.pages``,
``movements.read_movements`` and the functions of ``lines``. The exported columns are in ``columns``.
"""
