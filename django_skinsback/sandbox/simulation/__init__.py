"""The simulated SkinsBack without HTTP: its data, clock, market, deposits, purchases and faults.

Other folders may call ``store.Store``, ``faults.Faults`` and the public functions of ``deposits``, ``purchases``,
``outcomes``, ``market`` and ``currencies``. Nothing here imports ``api``, ``webhooks`` or ``web``.
"""
