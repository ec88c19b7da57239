"""The pages of a deposit and of a purchase: timeline, links, buttons, and the decisions about rows that need review.

``admin.RowAdmin`` is the base class of both admins. They also call ``settling.settle_rows``, ``replaying`` and
``debits``.
"""
