"""What SkinsBack delivers: verified, stored as it came, applied, and applied again after an error.

Others call ``receive.receive``, ``rejections.refuse``, ``replay.apply_kept``, ``replay.replay`` and ``replay.dismiss``.
"""
