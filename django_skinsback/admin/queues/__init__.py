"""Texts of the admin about rows that wait for an operator: names of review reasons, costs, possible decisions.

``columns.QueueListAdmin`` adds these texts to a list that is filtered by a queue.
"""
