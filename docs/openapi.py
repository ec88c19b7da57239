"""Writes ``django_skinsback/rest/openapi.yaml``, and the tables of ``rest.md``: ``python docs/openapi.py``."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from rendering import table, ticks

PAGE = Path(__file__).parent / "rest.md"


def addresses_table() -> str:
    """Return the table of addresses and methods."""
    import yaml

    from django_skinsback.rest.schema import generate

    rows = [
        (ticks(method.upper()), ticks(path.replace("{public_id}", "<id>")), described["summary"])
        for path, methods in yaml.safe_load(generate())["paths"].items()
        for method, described in methods.items()
    ]
    return table(("method", "address", "what it does"), rows)


def errors_table() -> str:
    """Return the table of the codes of problems: HTTP status, text for the player, and next step."""
    from django_skinsback import exceptions
    from django_skinsback.player_texts import for_error
    from django_skinsback.player_texts.problems import problems_of_codes
    from django_skinsback.rest.problems import CODES

    found: dict[str, tuple[set[int], str, str]] = {
        code: ({status}, str(text), "none") for code, (status, text) in CODES.items()
    }
    kinds = [getattr(exceptions, name) for name in exceptions.__all__ if name != "ACCOUNT_WIDE"]
    errors = [kind("", 1, "") if issubclass(kind, exceptions.APIError) else kind() for kind in kinds]
    for problem in [*map(for_error, errors), *problems_of_codes()]:
        new = (set[int](), problem.text, problem.next_step.value)
        found.setdefault(problem.code, new)[0].add(problem.http_status)
    rows = [
        (", ".join(map(str, sorted(statuses))), ticks(code), text, ticks(step))
        for code, (statuses, text, step) in sorted(found.items(), key=lambda item: (min(item[1][0]), item[0]))
    ]
    return table(("status", "code", "detail", "next_step"), rows)


def next_steps_table() -> str:
    """Return the table of the codes of next steps."""
    from django_skinsback.player_texts import NextStep, next_text

    return table(("next_step", "next_text"), [(ticks(step.value), next_text(step)) for step in NextStep])


def rates_table() -> str:
    """Return the table of throttle scopes."""
    from django_skinsback.rest import throttles

    about = {kind.scope: kind.__doc__.strip() for kind in throttles.ScopeThrottle.__subclasses__()}
    rows = [(ticks(scope), ticks(rate), about[scope]) for scope, rate in throttles.RATES.items()]
    return table(("scope", "built-in rate", "for"), rows)


TABLES = {
    "addresses": addresses_table,
    "errors": errors_table,
    "next steps": next_steps_table,
    "rates": rates_table,
}
"""Name of a table in ``rest.md`` -> the function that returns it."""


def written(text: str) -> str:
    """Return the text of ``rest.md`` with its tables replaced by the current ones."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}: python docs/openapi.py -->", f"<!-- end of {name} -->"
        before, after = text.partition(begin)[0], text.partition(end)[2]
        text = f"{before}{begin}\n\n{make()}\n\n{end}{after}"
    return text


def main() -> None:
    """Write both files. Raise ValueError if drf-spectacular warns about a view."""
    from django_skinsback.rest.schema import FILE, generate

    FILE.write_text(generate(), encoding="utf-8")
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    django.setup()
    main()
