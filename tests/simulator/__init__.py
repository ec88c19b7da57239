"""Random histories of the real site and the sandbox under one clock, with faults and crashes.

``history`` defines the steps, ``site`` runs them, ``invariants`` checks the results. A seed replays exactly:
``python -m tests.simulator --histories 10000 --seed 1``.
"""
