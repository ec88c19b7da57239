"""The page of one user of the site in the admin: deposits, purchases, ledger, risk, Steam profile and freeze.

Other modules may use ``links``: the URL of the page, links on other admin pages, and a mixin for a UserAdmin.
"""
