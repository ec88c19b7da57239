"""Writes ``reference.md`` from the code: ``python docs/reference_page.py``."""

import os
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from django.core.management import get_commands, load_command_class
from reference_parts import PACKAGE, module_parts
from rendering import doc, first_sentence, literal, table, ticks

PAGE = Path(__file__).parent / "reference.md"
BEGIN, END = "<!-- from the code: python docs/reference_page.py -->", "<!-- end of the code's part -->"

MODULES = {
    "deposits": "A user pays with skins. `from django_skinsback import deposits`",
    "purchases": "The site buys a skin and SkinsBack sends it to the user. `from django_skinsback import purchases`",
    "players": "What a user of the site may do. `from django_skinsback import players`",
    "steam_login": "Ready functions for the setting `STEAM_ID`.",
    "signals": "What a site can connect receivers to. `from django_skinsback.signals import entry_posted`",
    "exceptions": "Everything the package raises on purpose, sorted by who must act.",
    "error_texts": "The text of an exception for players and operators, in the active language.",
    "statuses": 'Statuses and kinds of ledger entries. Each is a `str`, so `deposit.status == "success"` works.',
    "models": "Read rows freely. Change them only through `deposits` and `purchases`.",
    "connection": "The client of SkinsBack's API, with the keys and the request limit of the settings.",
    "ratelimit": "The limit of requests, for code of the site that calls SkinsBack itself.",
    "steam": "Trade URLs and games.",
    "player_texts": "The texts that players read about their deposits, purchases and errors.",
    "pictures": "Pictures of skins.",
    "admin": "Register one of these for an admin site of your own, or change one in a subclass.",
    "tasks": "Celery tasks. This module needs the extra `celery`.",
    "testing": "For the tests of a site. This module needs the extra `testing`.",
    "sandbox": "A simulated SkinsBack in the same process. It needs the extra `sandbox`.",
}
"""Public modules in the order of the page, each with one sentence that the code does not contain."""

ADDRESSES = {
    "result": "The Result URL: SkinsBack posts the status of deposits. An account's name may follow.",
    "events": "The Webhook Events URL: SkinsBack posts events of purchases and the balance.",
    "health": "For monitors: see [observability](observability.md).",
}


def settings_part() -> list[str]:
    from django_skinsback import conf

    rows = ((ticks(key), ticks(literal(value))) for key, value in conf.DEFAULTS.items())
    return [
        "Keys of the dict `SKINSBACK`. [Settings](settings.md) says what each means.",
        table(("key", "default"), rows),
    ]


def commands_part() -> list[str]:
    names = sorted(name for name in get_commands() if name.startswith("skinsback_"))
    rows = [[ticks(name), first_sentence(load_command_class("django_skinsback", name).help)] for name in names]
    return ["[Commands](commands.md) has their options and exit codes.", table(("command", "meaning"), rows)]


def addresses_part() -> list[str]:
    from django_skinsback.pages import urls as pages
    from django_skinsback.rest import urls as rest
    from django_skinsback.urls import urlpatterns

    routes: dict[str, list[str]] = {}
    for pattern in urlpatterns:
        if pattern.name:
            routes.setdefault(pattern.name, []).append(str(pattern.pattern))
    rows = [
        [ticks(f"skinsback:{name}"), ", ".join(map(ticks, found)), ADDRESSES[name]] for name, found in routes.items()
    ]
    return [
        'Below the prefix of `path("skinsback/", include("django_skinsback.urls"))`.',
        table(("name", "address", "meaning"), rows),
        "Answers of the two webhook addresses, which accept POST only (405 otherwise):",
        table(
            ("status", "meaning"),
            (
                ("200", "Stored and applied. Repeats, unknown statuses and unknown orders are answered 200 too."),
                ("400", "The body cannot be read."),
                ("403", "The signature is missing or wrong."),
                ("404", "The settings have no account with this name."),
                ("413", "The body is larger than `WEBHOOK_MAX_BYTES`."),
                ("500", "It could not be applied. It is kept and applied again later."),
                ("503", "The account has no secret to verify with."),
            ),
        ),
        *names_part(pages, "Pages for players (`django_skinsback.pages.urls`)"),
        *names_part(rest, "[REST API](rest.md) (`django_skinsback.rest.urls`)"),
    ]


def names_part(module: Any, where: str) -> list[str]:
    """A table of the names of a URLconf."""
    rows = [
        [ticks(f"{module.app_name}:{pattern.name}"), ticks(str(pattern.pattern))]
        for pattern in module.urlpatterns
        if pattern.name
    ]
    return [f"{where}, below the prefix that you choose:", table(("name", "address"), rows)]


def tags_part() -> list[str]:
    from django_skinsback.templatetags.skinsback import register

    tags = [(f"{{% {name} %}}", tag) for name, tag in register.tags.items()]
    filters = [(f"{{{{ …|{name} }}}}", function) for name, function in register.filters.items()]
    rows = [[ticks(name), " ".join(doc(function).split("\n\n"))] for name, function in sorted(tags + filters)]
    return ["After `{% load skinsback %}`. [Pages](players.md) shows them in use.", table(("tag", "meaning"), rows)]


def templates_part() -> list[str]:
    folder = PACKAGE / "templates"
    rows = [[ticks(path.relative_to(folder).as_posix())] for path in sorted(folder.rglob("*.html"))]
    intro = (
        "Pages of the admin, and pages for users. A template of the same name in your project replaces one of these."
    )
    return [f"{intro} The names are stable; the variables in the templates are not.", table(("template",), rows)]


def log_part() -> list[str]:
    """The events of ``observability.md``, which a test compares with the code."""
    page = (PAGE.parent / "observability.md").read_text()
    rows = re.findall(r"^\| (`skinsback\.\w+`) \| ([\w, ]+) \| .* \| (.*) \|$", page, flags=re.MULTILINE)
    return [
        "The logger is `django_skinsback`. [Observability](observability.md#log-records) says what each event means.",
        table(("event", "level", "fields"), rows),
    ]


def sections() -> dict[str, list[str]]:
    """Heading -> parts of the section."""
    found = {f"`{name}`": [text, *module_parts(name)] for name, text in MODULES.items()}
    return found | {
        "Settings": settings_part(),
        "Commands": commands_part(),
        "Addresses": addresses_part(),
        "Template tags": tags_part(),
        "Templates": templates_part(),
        "Log events": log_part(),
    }


def anchor(heading: str) -> str:
    """The fragment under which a heading is found."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def contents(found: dict[str, list[str]]) -> str:
    """A list of the sections, each with its headings."""
    lines = []
    for heading, parts in found.items():
        inner = [part.removeprefix("### ") for part in parts if part.startswith("### ")]
        links = ", ".join(f"[{_short(each)}](#{anchor(each)})" for each in inner)
        lines.append(f"* [{heading}](#{anchor(heading)})" + (f": {links}" if links else ""))
    return "\n".join(lines)


def _short(heading: str) -> str:
    """A heading without the module, for the table of contents."""
    return re.sub(r"^`\w+\.(\w+)`$", r"`\1`", heading)


def written(page: str) -> str:
    """The page with its marked part rewritten from the code."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    found = sections()
    texts = [contents(found)]
    for heading, parts in found.items():
        texts += [f"## {heading}", *(part.strip() for part in parts if part.strip())]
    return f"{before}{BEGIN}\n\n" + "\n\n".join(texts) + f"\n\n{END}{after}"


if __name__ == "__main__":
    django.setup()
    PAGE.write_text(written(PAGE.read_text()))
