"""Refusals carry what a caller needs: a stable code, a status, a sentence, and where the input is wrong."""

from __future__ import annotations

import pickle

import pytest

from core import errors


@pytest.mark.parametrize(
    "kind, status, code",
    [
        (errors.NotFound, 404, "not_found"),
        (errors.Unauthenticated, 401, "unauthenticated"),
        (errors.PermissionDenied, 403, "permission_denied"),
        (errors.ValidationFailed, 400, "invalid"),
        (errors.Conflict, 409, "conflict"),
        (errors.StageError, 409, "stage_not_allowed"),
        (errors.AlreadyDecided, 409, "already_decided"),
        (errors.NotOwner, 409, "not_owner"),
        (errors.StaleVersion, 409, "stale_version"),
    ],
)
def test_each_kind_has_its_status_and_code(kind, status, code):
    error = kind("A sentence.", stage="MQL")
    assert (error.status, error.code, str(error), error.data) == (
        status,
        code,
        "A sentence.",
        {"stage": "MQL"},
    )
    assert isinstance(error, errors.DomainError)
    assert error.title


def test_field_errors_say_where_and_why():
    error = errors.ValidationFailed(
        "Two fields are wrong.",
        field_errors=[
            errors.FieldError("/email", "Not an e-mail address.", "email"),
            errors.FieldError(errors.pointer("engagements", 0, "at"), "Give a time with its zone."),
        ],
    )
    assert error.errors == [
        {"path": "/email", "message": "Not an e-mail address.", "code": "email"},
        {"path": "/engagements/0/at", "message": "Give a time with its zone.", "code": "invalid"},
    ]


def test_an_error_at_one_place_is_made_in_one_call():
    error = errors.ValidationFailed.at("/email", "Too long.", "too_long", limit=254)
    assert error.errors == [{"path": "/email", "message": "Too long.", "code": "too_long"}]
    assert (str(error), error.data) == ("Too long.", {"limit": 254})


def test_pointers_are_escaped():
    assert errors.pointer() == ""
    assert errors.pointer("a/b", "c~d", 3) == "/a~1b/c~0d/3"


def test_an_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(errors.StageError("Not now.", stage="SAL")))
    assert (type(error), error.message, error.data) == (errors.StageError, "Not now.", {"stage": "SAL"})
