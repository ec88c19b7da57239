"""Log format for the terminal of the demo."""

import logging

_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class ExtrasFormatter(logging.Formatter):
    """Add the values of ``extra`` to the end of the line, except empty texts and lists.

    Example: ``skinsback.entry_posted kind=credit row=Deposit row_id=7``.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        extras = {
            name: value
            for name, value in vars(record).items()
            if name not in _STANDARD_ATTRIBUTES and value not in ("", [])
        }
        return " ".join([super().formatMessage(record), *(f"{name}={value}" for name, value in extras.items())])
