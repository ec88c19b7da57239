"""Webhook deliveries: verify the signature, store the body unchanged, apply the report, apply it again after an error.

Other packages call ``receive.receive``, ``rejections.refuse``, ``replay.apply_kept``, ``replay.replay`` and
``replay.dismiss``.
"""
