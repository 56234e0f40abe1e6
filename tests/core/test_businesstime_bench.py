"""The bench runs and reports what it promises, with or without the libraries it compares with."""

import json
from importlib.util import find_spec

import pytest

from slaportal.benches import businesstime


@pytest.fixture(scope="module")
def report():
    return businesstime.run(operations=50, rounds=1, seconds=0.01, unknown_option=True)


def test_it_reports_the_promised_figures_beside_a_floor(report):
    assert report["bench"] == "businesstime"
    for name in ("add_120_minutes", "elapsed_up_to_30_days", "add_14_business_days", "add_200_days"):
        assert report["figures"][name] > 0
        assert report["ratios"][f"{name} / floor"] == pytest.approx(
            report["figures"][name] / report["floor"]["bisect_and_datetime_addition"]
        )
    assert json.loads(json.dumps(report)) == report


@pytest.mark.parametrize("library", ["businesstimedelta", "business_duration"])
def test_a_library_that_is_not_installed_is_reported_as_such(report, library):
    figure = report["figures"][f"{library}.elapsed_up_to_30_days"]
    if find_spec(library) is None:
        assert figure == "not installed"
    else:
        assert figure > 0
