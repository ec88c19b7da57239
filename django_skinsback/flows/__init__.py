"""The flows, one for each business operation. Only this code opens database transactions and moves money."""
