"""No list, search or row page of the admin reads a large table from one end to the other."""

import json
import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import JSONField
from django.test.utils import CaptureQueriesContext

from benchmarks.admin import pages_of
from benchmarks.admin import rows as benchmark_rows
from django_skinsback.admin.finding import pages, search
from django_skinsback.flows.figures.daily_figures import write_daily_figures
from django_skinsback.models import Deposit, LedgerEntry, Purchase, StatusChange, WebhookEvent

from ...support.admin_staff import browser_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database, pytest.mark.timeout(600)]

ROWS, USERS = 4000, 400
LARGE = {model._meta.db_table for model in (Deposit, Purchase, LedgerEntry, WebhookEvent, StatusChange)}

ALLOWED_ON_MARIADB = {"const", "eq_ref", "ref", "ref_or_null", "range", "index_merge", "unique_subquery"}
"""How MariaDB may read a large table. ``index`` walks a whole index: it is allowed only up to a LIMIT."""


def fill():
    """Insert rows like those of the benchmark, and update the statistics of the database."""
    model = get_user_model()
    model.objects.bulk_create([model(username=f"player-{number}") for number in range(USERS)])
    first = {model: model.objects.order_by("pk").first().pk}
    references = {"user_id": model, "deposit_id": Deposit, "purchase_id": Purchase}
    for table, columns, rows in benchmark_rows.tables(ROWS, USERS):
        is_json = [name in columns and isinstance(table._meta.get_field(name), JSONField) for name in columns]
        made = []
        for row in rows:
            values = [json.loads(value) if text else value for value, text in zip(row, is_json, strict=True)]
            named = dict(zip(columns, values, strict=True))
            for name in references.keys() & named.keys():
                if named[name] is not None:
                    named[name] += first[references[name]] - 1
            made.append(table(**named))
        table.objects.bulk_create(made, batch_size=1000)
        first[table] = table.objects.order_by("pk").values_list("pk", flat=True)[0]
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute(f"ANALYZE TABLE {', '.join(sorted(LARGE))}")
            cursor.fetchall()
        else:
            cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return first


def faults(sql):
    """Return the parts of the plan of a statement that read a large table without a bound."""
    return {"sqlite": _on_sqlite, "postgresql": _on_postgresql, "mysql": _on_mariadb}[connection.vendor](sql)


def _explain(prefix, sql):
    with connection.cursor() as cursor:
        cursor.cursor.execute(f"{prefix} {sql}") if connection.vendor == "sqlite" else cursor.execute(
            f"{prefix} {sql}".replace("%", "%%"), []
        )
        return cursor.fetchall()


def _on_sqlite(sql):
    details = [detail for *_ids, detail in _explain("EXPLAIN QUERY PLAN", sql)]
    is_sorted = any("TEMP B-TREE FOR ORDER BY" in detail for detail in details)
    if "LIMIT" in sql and not is_sorted:
        return []  # a scan ends at the limit
    scanned = [re.match(r"SCAN (\w+)", detail) for detail in details]
    return [match[0] for match in scanned if match and match[1] in LARGE]


def _on_postgresql(sql):
    # PostgreSQL reads a table of some thousand rows from end to end if that is cheaper. Here it does so only without
    # an index. The benchmark of the admin shows what it does with a million rows.
    with connection.cursor() as cursor:
        for way in ("seqscan", "hashjoin", "mergejoin"):
            cursor.execute(f"SET enable_{way} = off")
    plan = _explain("EXPLAIN (FORMAT JSON)", sql)[0][0]
    plan = json.loads(plan) if isinstance(plan, str) else plan
    found = []

    def visit(node, limited):
        limited = limited or node["Node Type"] == "Limit"
        if node.get("Relation Name") in LARGE:
            has_condition = "Index Cond" in node or node["Node Type"] == "Bitmap Heap Scan"
            if node["Node Type"] == "Seq Scan" or not (has_condition or limited):
                found.append(f"{node['Node Type']} of {node['Relation Name']} ({node.get('Filter', 'no filter')})")
        if node["Node Type"] == "Sort":
            limited = False  # a sort reads everything before its first row
        for child in node.get("Plans", []):
            visit(child, limited)

    visit(plan[0]["Plan"], False)
    return found


def _on_mariadb(sql):
    found = []
    for _id, _select, table, kind, _possible, key, _length, _ref, rows, extra in _explain("EXPLAIN", sql):
        is_bounded = kind == "index" and "LIMIT" in sql and "filesort" not in (extra or "")
        way = kind and kind.partition("|")[0]  # "ref|filter": MariaDB skips rows by a second index before it reads them
        if table in LARGE and way not in ALLOWED_ON_MARIADB and not is_bounded:
            found.append(f"{kind} of {table} by {key}: {rows} rows, {extra}")
    return found


def test_no_page_of_the_admin_reads_a_large_table_to_its_end(monkeypatch):
    monkeypatch.setattr(pages, "COUNTED_ROWS", 1000)
    monkeypatch.setattr(pages, "ROWS_LOOKED_AT", 100)
    monkeypatch.setattr(search, "KEYS_OF_EACH_KIND", 100)  # so that these bounds are small for the tables below
    # The desk counts three days. Most rows are older, as on a busy site: with all rows in these days, reading the whole
    # table would be right.
    monkeypatch.setattr(benchmark_rows, "BETWEEN_ROWS", timedelta(hours=1))
    first = fill()
    write_daily_figures()  # the desk then counts the rows of today only
    browser = browser_of(superuser=True)
    found, checked = set(), 0
    for name, url in pages_of(ROWS, first_key={model._meta.model_name: key for model, key in first.items()}).items():
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(url).status_code == 200, url
        for sql in [query["sql"] for query in queries if query["sql"].lstrip("(").startswith("SELECT")]:
            if any(table in sql for table in LARGE):
                checked += 1
                found |= {f"{name}: {fault[:200]}\n    {sql[:300]}" for fault in faults(sql)}
    assert checked > 100
    assert not found, "\n".join(sorted(found))
