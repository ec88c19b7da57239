"""Webhook deliveries: verified, stored unchanged, applied, and applied again after an error.

Others call ``receive.receive``, ``rejections.refuse``, ``replay.apply_kept``, ``replay.replay`` and ``replay.dismiss``.
"""
