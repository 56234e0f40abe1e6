"""Webhooks are signed so that any Standard Webhooks receiver can verify them; API keys are checked safely."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from core import signing

NOW = datetime(2025, 3, 30, 12, 0, tzinfo=UTC)
BODY = json.dumps({"type": "lead.assigned", "lead": "0195", "note": "grüße"}).encode()
OLD = "whsec_" + base64.b64encode(b"o" * 24).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 64).decode()
OTHER = "whsec_" + base64.b64encode(b"x" * 32).decode()


def signed(secrets=OLD, *, body=BODY, at=NOW, message_id="msg_1"):
    return signing.sign_webhook(secrets, message_id=message_id, timestamp=at, body=body)


# Against the reference library, which reads the real clock


def test_the_reference_library_verifies_our_signature():
    headers = signed(at=datetime.now(UTC))
    assert Webhook(OLD).verify(BODY, headers) == json.loads(BODY)


def test_during_a_rotation_the_reference_library_verifies_with_either_secret():
    headers = signed([OLD, NEW], at=datetime.now(UTC))
    assert Webhook(OLD).verify(BODY, headers) == json.loads(BODY)
    assert Webhook(NEW).verify(BODY, headers) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, headers)


def test_the_reference_library_refuses_an_altered_body():
    headers = signed(at=datetime.now(UTC))
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(BODY + b" ", headers)


def test_the_reference_library_and_ours_write_the_same_signature():
    theirs = Webhook(OLD).sign(msg_id="msg_1", timestamp=NOW, data=BODY.decode())
    assert signed()["webhook-signature"] == theirs


def test_we_verify_what_the_reference_library_signed():
    headers = {
        "Webhook-Id": "msg_7",
        "Webhook-Timestamp": str(int(NOW.timestamp())),
        "Webhook-Signature": Webhook(NEW).sign(msg_id="msg_7", timestamp=NOW, data=BODY.decode()),
    }
    assert signing.verify_webhook([OLD, NEW], headers, BODY, now=NOW) == "msg_7"


# Our verification


def test_text_and_bytes_bodies_are_signed_alike():
    assert signed(body=BODY) == signed(body=BODY.decode())


@pytest.mark.parametrize("seconds", [-300, -299, 0, 299, 300])
def test_a_message_within_the_tolerance_is_accepted(seconds):
    headers = signed(at=NOW + timedelta(seconds=seconds))
    assert signing.verify_webhook(OLD, headers, BODY, now=NOW) == "msg_1"


@pytest.mark.parametrize("seconds", [-301, 301, -86_400])
def test_a_message_too_old_or_too_new_is_refused(seconds):
    headers = signed(at=NOW + timedelta(seconds=seconds))
    with pytest.raises(signing.InvalidSignature):
        signing.verify_webhook(OLD, headers, BODY, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_2"},
        {"webhook-id": ""},
        {"webhook-id": "msg.1"},
        {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "９" * 10},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": ""},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,!!!!"},
        {"webhook-signature": "v1,ü"},
        {"webhook-signature": "v1a," + "A" * 44},
        {"webhook-signature": "v1," + "A" * 44},
    ],
)
def test_altered_or_malformed_headers_are_refused(change):
    with pytest.raises(signing.InvalidSignature) as refusal:
        signing.verify_webhook(OLD, {**signed(), **change}, BODY, now=NOW)
    assert (refusal.value.status, refusal.value.code) == (401, "invalid_signature")


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(missing):
    headers = {name: value for name, value in signed().items() if name != missing}
    with pytest.raises(signing.InvalidSignature):
        signing.verify_webhook(OLD, headers, BODY, now=NOW)


def test_unknown_versions_and_rubbish_beside_the_right_signature_do_no_harm():
    headers = signed()
    headers["webhook-signature"] = f"v2,abc v1a,x , v1,%% {headers['webhook-signature']}"
    assert signing.verify_webhook(OLD, headers, BODY, now=NOW) == "msg_1"


def test_only_a_bounded_number_of_signatures_is_looked_at():
    headers = signed()
    headers["webhook-signature"] = "v1,AAAA " * 20 + headers["webhook-signature"]
    with pytest.raises(signing.InvalidSignature):
        signing.verify_webhook(OLD, headers, BODY, now=NOW)


@given(position=st.integers(0, len(BODY) - 1), flip=st.integers(1, 255))
def test_any_changed_byte_is_noticed(position, flip):
    body = bytearray(BODY)
    body[position] ^= flip
    with pytest.raises(signing.InvalidSignature):
        signing.verify_webhook(OLD, signed(), bytes(body), now=NOW)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        OLD.removeprefix("whsec_"),
        "whsec_not base64!",
        "whsec_" + base64.b64encode(b"s" * 23).decode(),
        "whsec_" + base64.b64encode(b"l" * 65).decode(),
    ],
)
def test_an_unusable_secret_is_refused_without_repeating_it(secret):
    with pytest.raises(ValueError, match="secret") as refusal:
        signed(secret)
    assert not secret or secret == "whsec_" or secret not in str(refusal.value)


def test_an_unpadded_secret_is_the_same_secret():
    padded = "whsec_" + base64.b64encode(b"p" * 25).decode()
    assert padded.endswith("=")
    assert signed(padded) == signed(padded.rstrip("="))


def test_signing_needs_a_secret_an_id_and_an_aware_time():
    with pytest.raises(ValueError, match="secret"):
        signed([])
    with pytest.raises(ValueError, match="message id"):
        signed(message_id="a.b")
    with pytest.raises(ValueError, match="aware"):
        signed(at=datetime(2025, 1, 1))
    with pytest.raises(ValueError, match="aware"):
        signing.verify_webhook(OLD, signed(), BODY, now=datetime(2025, 1, 1))


# API keys


def test_a_new_key_has_the_promised_form_and_is_never_repeated():
    prefix, key = signing.generate_api_key()
    assert re.fullmatch(r"slp_[a-z0-9]{8}_[A-Za-z0-9]{40}", key)
    assert key.startswith(f"slp_{prefix}_")
    assert len({signing.generate_api_key()[1] for _ in range(1000)}) == 1000


def test_a_key_is_parsed_into_its_parts_and_only_its_hash_verifies():
    prefix, key = signing.generate_api_key()
    parsed = signing.parse_api_key(key)
    assert parsed is not None
    assert parsed.prefix == prefix
    assert key == f"slp_{parsed.prefix}_{parsed.secret}"
    stored = signing.hash_secret(parsed.secret)
    assert re.fullmatch(r"[0-9a-f]{64}", stored)
    assert signing.verify_secret(parsed.secret, stored)
    assert not signing.verify_secret(parsed.secret[:-1] + "_", stored)
    assert not signing.verify_secret(parsed.secret, "")
    assert not signing.verify_secret(parsed.secret, stored.upper())


def test_the_hash_is_sha_512_256():
    # The example of FIPS 180-4 for "abc".
    assert signing.hash_secret("abc") == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"


def test_a_key_does_not_show_its_secret_when_printed():
    parsed = signing.parse_api_key(signing.generate_api_key()[1])
    assert parsed is not None
    assert parsed.secret not in repr(parsed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "slp_",
        "slp_abcdefgh_" + "a" * 39,
        "slp_abcdefgh_" + "a" * 41,
        "slp_abcdefgh_" + "a" * 40 + "\n",
        "slp_ABCDEFGH_" + "a" * 40,
        "slp_abcdefgh_" + "é" * 40,
        "SLP_abcdefgh_" + "a" * 40,
        " slp_abcdefgh_" + "a" * 40,
    ],
)
def test_anything_else_is_no_key(text):
    assert signing.parse_api_key(text) is None


@settings(max_examples=200)
@given(st.text())
def test_parsing_never_raises(text):
    assert signing.parse_api_key(text) is None
