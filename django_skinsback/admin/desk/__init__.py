"""The operator's desk: the page of the admin that shows what needs an operator, and how much money is where.

``figures.figures_context`` is what the template ``figures.html`` shows.
"""
