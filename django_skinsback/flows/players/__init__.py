"""Flows about one user of the site: limits, freezes, Steam profiles and inventories.

Other code may call ``guard.allow``, ``inventory.get_inventory``, and the functions of ``freeze`` and
``steam_profiles``.
"""
