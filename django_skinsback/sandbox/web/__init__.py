"""The sandbox's HTTP server: the control page and its API, the pay page, and the routes to ``api`` and ``webhooks``.

``app.App`` is the WSGI application. ``server.Server`` serves the application on a port. Only ``sandbox.py`` and
``__main__.py`` import this package.
"""
