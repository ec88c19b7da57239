"""The ``skinsback_*`` commands, and what they share: arguments, exit codes, dates, progress bars and files.

A command calls one flow and prints what the flow returns. ``command.SkinsBackCommand`` is the base class of all of
them.
"""
