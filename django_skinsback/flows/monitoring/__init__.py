"""Data for monitoring: the health of the package, the balance and how long it lasts, the time of the last sweeps.

Other packages may call ``health.health``, ``health.is_failing`` and the functions of ``balance`` and ``passes``.
"""
