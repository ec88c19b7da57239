"""Polling: SkinsBack is asked about rows that are due, and the answers are recorded.

``deposits.poll_deposits`` and ``purchases.poll_purchases`` are for the scheduler, the Celery tasks and the command. The
other modules are private, except ``queue.is_due``.
"""
