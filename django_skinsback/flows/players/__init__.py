"""What a user of the site may do: limits, freezes, and the Steam profile that deposits and purchases use.

Other code may call ``guard.allow``, ``inventory.get_inventory``, and the functions of ``freeze`` and
``steam_profiles``.
"""
