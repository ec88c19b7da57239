"""The sandbox's HTTP server: the control page and its API, the pay page, and the routes to ``api`` and ``webhooks``.

``app.App`` is the WSGI application and ``server.Server`` serves it on a port. Only ``sandbox.py`` and ``__main__.py``
call this folder.
"""
