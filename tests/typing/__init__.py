"""What type checkers of a site make of this package."""
