"""The views. ``access.player_page`` guards each of them, and ``rendering.render_page`` renders each page."""
