"""Figures for the operator's desk: sums of each day, of the last 7 and 30 days, solvency, and users who owe money.

Other packages call ``daily_figures.write_daily_figures``, ``periods.read_periods``, ``owing.find_owing_users`` and the
functions of ``queries`` and ``solvency``.
"""
