"""System checks. The module ``apps`` registers them.

``check_settings`` compares the setting ``SKINSBACK`` with the rules. ``check_deployment`` and ``check_character_sets``
check how the site and its databases are set up.
"""

from .database import check_character_sets
from .deployment import check_deployment
from .settings import check_settings

__all__ = ["check_character_sets", "check_deployment", "check_settings"]
