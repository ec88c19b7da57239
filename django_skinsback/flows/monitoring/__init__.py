"""Data for monitoring: health, balance, queues of operators, money at risk, last sweeps, and the daily digest.

Other packages may call ``health.health``, ``health.is_failing`` and the functions of the other modules.
"""
