"""The operator's desk: the page of the admin that shows what needs an operator, and how much money is where.

``desk.DeskAdmin`` is the page. ``summary.summary_context`` is what the template tag ``skinsback_summary`` shows.
"""
