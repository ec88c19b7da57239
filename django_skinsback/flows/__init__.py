"""The business sequences: the only code that opens database transactions, and the only one that moves money."""
