"""The simulation of SkinsBack, without HTTP: its data, clock, market, deposits, purchases and faults.

Other packages may call ``store.Store``, ``faults.Faults`` and the public functions of ``deposits``, ``purchases``,
``outcomes``, ``market`` and ``currencies``. This package does not import ``api``, ``webhooks`` or ``web``.
"""
