"""A named list as a CSV file, as an import reads it."""

from __future__ import annotations

from django.http import HttpResponse

from leads.models import NamedList
from leads.named_lists import entries_of
from web.csv_files import csv_response


def list_as_csv(found: NamedList) -> HttpResponse:
    """Its entries by their text."""
    rows = entries_of(found).order_by("shown", "id").values_list("kind", "shown")
    return csv_response(f"{found.slug}.csv", ["kind", "entry"], rows)
