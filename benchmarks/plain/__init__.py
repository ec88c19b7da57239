"""The same work as the package does for a delivery, done through the ORM in the plain, careful way."""
