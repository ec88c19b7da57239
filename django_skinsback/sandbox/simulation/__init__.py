"""The simulated SkinsBack without HTTP: its data, clock, market, deposits, purchases and faults.

Other folders may call ``store.Store``, ``faults.Faults`` and the public functions of ``deposits``, ``purchases``,
``outcomes``, ``market`` and ``currencies``. This folder does not import ``api``, ``webhooks`` or ``web``.
"""
