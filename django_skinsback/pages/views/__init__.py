"""The views of the pages. Almost all views have the decorator ``player_page`` and use ``render_page``."""
