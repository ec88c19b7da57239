"""Whole histories, thrown like dice: the real site and the sandbox under one clock, with faults and crashes.

``machine`` says what can happen, ``site`` makes it happen, ``truth`` says what must hold. A seed replays exactly:
``python -m tests.simulator --histories 10000 --seed 1``.
"""
