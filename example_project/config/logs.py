"""Log lines for people who watch a terminal."""

import logging

_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class ExtrasFormatter(logging.Formatter):
    """Adds what was given as ``extra``: ``skinsback.entry_posted kind=credit row=Deposit row_id=7``."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        extras = {name: value for name, value in vars(record).items() if name not in _USUAL and value not in ("", [])}
        return " ".join([super().formatMessage(record), *(f"{name}={value}" for name, value in extras.items())])
