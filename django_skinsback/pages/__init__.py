"""Ready-made pages for a site's users: deposit, withdraw, history and trade URL.

``path("skins/", include("django_skinsback.pages.urls"))`` adds the pages to a site. The site may use the URL names, the
templates in ``templates/skinsback/`` and the template tags of ``{% load skinsback %}``. Everything else is private.
"""
