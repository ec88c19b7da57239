"""Polling: ask SkinsBack about the rows that are due, and record the answers.

The scheduler, the Celery tasks and the command call ``deposits.poll_deposits`` and ``purchases.poll_purchases``, and
use the types of ``sweep`` for progress and results. Other packages may also call ``queue.is_due``.
"""
