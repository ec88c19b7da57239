"""``make bench``: how fast the package is beside the plain way to do the same, and beside others."""
