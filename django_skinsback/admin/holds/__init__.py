"""The page of held deposits, where an operator approves holds early or leaves them to run out.

``page`` is the view. The action of the list of deposits calls ``page.approve_rows`` and ``page.leave_rows``.
"""
