"""Webhook deliveries: verify the signature, store the body unchanged, apply the report, apply it again after an error.

Other packages call ``receive.receive``, ``rejections.refuse``, and ``apply_kept``, ``replay``, ``dismiss`` and
``is_processed`` of the module ``replay``.
"""
