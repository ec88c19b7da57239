"""Ready-made pages for a site's users: deposit, withdraw, history and trade URL.

``path("skins/", include("django_skinsback.pages.urls"))`` adds them. Code of a site uses the URL names, the templates
in ``templates/skinsback/`` and the template tags ``{% load skinsback %}``. Everything else is private.
"""
