"""A named list as a CSV file, as an import reads it."""

from __future__ import annotations

from django.http import HttpResponse

from leads.models import NamedList
from leads.named_lists import entries_of
from web.csv_files import csv_response


def list_as_csv(found: NamedList) -> HttpResponse:
    """Its entries by their text."""
    rows = entries_of(found).order_by("shown", "id").values_list("kind", "shown")
    # No cell may become a formula in a spreadsheet; no entry needs to begin so.
    plain = ((kind, shown.lstrip("=+-@\t\r ＝＋－＠")) for kind, shown in rows)
    return csv_response(f"{found.slug}.csv", ["kind", "entry"], plain)
