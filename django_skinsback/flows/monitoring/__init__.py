"""What monitors read: health, the balance and how long it lasts, and notes about passes over due rows.

Others may call ``health.health``, ``health.is_failing``, the functions of ``balance`` and those of ``passes``.
"""
