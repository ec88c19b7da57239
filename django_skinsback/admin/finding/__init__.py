"""Finding rows in the admin lists of tables with millions of rows: search, filters, order, pages and sums.

``FindingAdmin`` is the base class. Every query that it makes reads a limited number of rows by an index. The class
tries the indexes of the model that end with ``time_column``.
"""

from .admin import FindingAdmin
from .dates import CreatedFilter
from .search import DEPOSIT_SEARCH, PURCHASE_SEARCH, Search
from .sums import Sum

__all__ = ["DEPOSIT_SEARCH", "PURCHASE_SEARCH", "CreatedFilter", "FindingAdmin", "Search", "Sum"]
