"""A plain implementation: the work of the package for one delivery, written with Django's ORM."""
