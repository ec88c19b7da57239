"""What the admin says about rows that wait for an operator: names of review reasons, costs, and what can be done.

``columns.QueueListAdmin`` adds these texts to a list that is filtered by a queue.
"""
