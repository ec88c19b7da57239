"""Tables of the desk: figures of today, 7 days and 30 days, for all games and for each game."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from ...flows.figures.periods import Amounts, Figures, Period, Periods
from ...flows.figures.queries import Part
from ...models.purchase import PURCHASE_STATUS_LABELS
from ...money import EXACT
from ...steam import GAMES
from .. import display
from .charts import Chart

NO_FIGURES = Figures()


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one figure. ``cells`` are the texts of all games, one for each period.

    ``games`` contains the name and the cells of each game that has this figure. It is empty if there is only one game.
    ``is_result`` is True for a figure that is calculated from the others of its table.
    """

    label: str
    cells: list[str]
    games: list[tuple[str, list[str]]]
    is_result: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of figures with its charts.

    ``game`` is the name of the game if there is only one. ``note`` explains the figures.
    """

    name: str
    title: str
    groups: list[Group]
    game: str = ""
    note: str = ""
    charts: list[Chart] = field(default_factory=list)

    @property
    def has_games(self) -> bool:
        """Whether the figures of several games can be shown."""
        return any(group.games for group in self.groups)


def figure_tables(periods: Periods, parts: Collection[Part]) -> list[Table]:
    """Return the tables of these parts. A part without figures has no table."""
    tables = []
    if Part.DEPOSITS in parts:
        tables.append(_deposits(periods))
    if Part.PURCHASES in parts:
        tables += [_purchases(periods), _failures(periods)]
    if Part.MONEY in parts:
        tables += [_money(periods), _margins(periods, parts)]
    return [table for table in tables if table.groups]


def _table(periods: Periods, name: str, title: str, groups: list[Group], note: str = "") -> Table:
    games = periods.periods["month"].games
    return Table(name, title, groups, game_name(next(iter(games))) if len(games) == 1 else "", note)


def _deposits(periods: Periods) -> Table:
    groups = []
    if periods.periods["month"].total.deposits:
        groups = [
            _group(periods, _("Created"), lambda figures: str(figures.deposits)),
            _group(periods, _("Paid"), lambda figures: str(figures.deposits_paid)),
            _group(periods, _("Conversion so far"), lambda figures: percent(figures.conversion)),
        ]
    note = _(
        "A deposit is counted on the day on which it was created. A deposit is paid if its credit was not reversed. "
        "A deposit can be paid or rolled back for about eight days, so the newest figures can change."
    )
    return _table(periods, "deposits", _("Deposits"), groups, note)


def _purchases(periods: Periods) -> Table:
    groups = []
    if periods.periods["month"].total.purchases:
        groups = [
            _group(periods, _("Started"), lambda figures: str(figures.purchases)),
            _group(periods, _("Accepted"), lambda figures: str(figures.purchases_accepted)),
            _group(periods, _("Average time to accept"), lambda figures: duration(figures.seconds_to_accept)),
        ]
    note = _("A purchase is counted on the day on which it was started, with its present status.")
    return _table(periods, "purchases", _("Purchases"), groups, note)


def _failures(periods: Periods) -> Table:
    failed = periods.periods["month"].total.failed
    labels: dict[str, object] = {str(status): label for status, label in PURCHASE_STATUS_LABELS.items()}
    groups = [
        _group(
            periods,
            capfirst(str(labels.get(status, status))),
            lambda figures, status=status: str(figures.failed.get(status, 0)),
        )
        for status in sorted(failed, key=lambda status: (-failed[status], status))
    ]
    return _table(periods, "failures", _("Failed purchases by reason"), groups)


def _money(periods: Periods) -> Table:
    kinds: list[tuple[str, Callable[[Figures], Amounts]]] = [
        (_("Credits"), lambda figures: figures.credits),
        (_("Reversals"), lambda figures: figures.reversals),
        (_("Charges"), lambda figures: figures.charges),
        (_("Refunds"), lambda figures: figures.refunds),
    ]
    groups = [group for label, amounts in kinds for group in _by_currency(periods, label, amounts)]
    note = _(
        "A ledger entry is counted on the day on which it was posted. Amounts of different currencies are not added up."
    )
    return _table(periods, "money", _("Money given to and taken from users"), groups, note)


def _margins(periods: Periods, parts: Collection[Part]) -> Table:
    kinds: list[tuple[str, Callable[[Figures], Amounts], bool]] = []
    if Part.DEPOSITS in parts:
        kinds += [
            (_("Deposits: earned"), lambda figures: figures.earned, False),
            (_("Deposits: credited to users"), lambda figures: figures.credited, False),
            (_("Deposits: margin"), lambda figures: figures.deposit_margin, True),
            (_("Deposits credited in another currency: earned"), lambda figures: figures.earned_other, False),
            (_("Deposits credited in another currency: credited"), lambda figures: figures.credited_other, False),
        ]
    if Part.PURCHASES in parts:
        kinds += [
            (_("Purchases: charged to users"), lambda figures: figures.charged, False),
            (_("Purchases: debited by SkinsBack"), lambda figures: figures.debited, False),
            (_("Purchases: margin"), lambda figures: figures.purchase_margin, True),
            (_("Purchases charged in another currency: charged"), lambda figures: figures.charged_other, False),
            (_("Purchases charged in another currency: debited"), lambda figures: figures.debited_other, False),
        ]
    groups = [
        replace(group, is_result=is_result)
        for label, amounts, is_result in kinds
        for group in _by_currency(periods, label, amounts, is_signed=True)
    ]
    note = _(
        "Deposits: what SkinsBack pays minus what users were credited, without reversed credits. Purchases: what users "
        "were charged minus what SkinsBack debited, for accepted purchases. A margin is calculated only if both "
        "amounts have the same currency."
    )
    return _table(periods, "margins", _("Margin"), groups, note)


def _by_currency(
    periods: Periods, label: str, amounts: Callable[[Figures], Amounts], *, is_signed: bool = False
) -> list[Group]:
    """Return one group for each currency that has an amount in the last 30 days."""

    def text(figures: Figures, currency: str) -> str:
        amount = amounts(figures).get(currency, Decimal(0))
        return display.money(amount if is_signed else amount.copy_abs(), "")

    return [
        _group(periods, _with_currency(label, currency), lambda figures, currency=currency: text(figures, currency))
        for currency in sorted(amounts(periods.periods["month"].total))
    ]


def _with_currency(label: str, currency: str) -> str:
    return _("%(figure)s, %(currency)s") % {"figure": label, "currency": currency.upper()} if currency else label


def _group(periods: Periods, label: str, text: Callable[..., str]) -> Group:
    each = list(periods.periods.values())
    games = periods.periods["month"].games
    rows = [(game_name(game), [text(_of_game(period, game)) for period in each]) for game in games]
    nothing = text(NO_FIGURES)
    return Group(
        label=label,
        cells=[text(period.total) for period in each],
        games=[(name, cells) for name, cells in rows if cells[-1] != nothing] if len(games) > 1 else [],
    )


def _of_game(period: Period, game: str) -> Figures:
    return period.games.get(game, NO_FIGURES)


def game_name(game: str) -> str:
    """Return the name of a game for people."""
    known = GAMES.get(game)
    return known.name if known else game or _("No game")


def percent(share: Decimal | None) -> str:
    """Return a share as text, such as "62.5 %". Return a dash for None."""
    if share is None:
        return display.NOTHING
    number = EXACT.multiply(share, Decimal(100)).quantize(Decimal("0.1"), context=EXACT)
    return pgettext("a share", "%(number)s %%") % {"number": number_format(number, decimal_pos=1)}


def duration(seconds: int | None) -> str:
    """Return a time span as text: seconds, minutes and seconds, or hours and minutes. Return a dash for None."""
    if seconds is None:
        return display.NOTHING
    minutes, rest = divmod(seconds, 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes_left}
    if minutes:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}
    return _("%(seconds)d s") % {"seconds": rest}
