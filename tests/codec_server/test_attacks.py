"""What must never happen at the codec server, tried."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import tracemalloc
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from temporalio.api.common.v1 import Payload, Payloads

from accounts.models import Person
from audit.models import LedgerEntry
from audit.rings.queries import ring_of
from audit.sealing import NONCE_BYTES
from audit.statements.kinds import EntryKind
from tests.codec_server.conftest import (
    FROM_UI,
    PRD,
    SECRET,
    STG,
    UI,
    body_of,
    browser_of,
    data_of,
    plain,
    post,
    sealed,
    token_of,
)
from workers.codec_server import limits, reading

pytestmark = pytest.mark.django_db
DECODE = f"/codec/{PRD}/decode"


def was_anything_read() -> bool:
    return LedgerEntry.objects.filter(kind__in=[EntryKind.PAYLOAD_DECODED, EntryKind.PAYLOAD_ENCODED]).exists()


# --- A page of somebody else's, in the browser of a reader ----------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost:8234",
        "https://localhost:8233",
        "http://localhost",
        "http://127.0.0.1:8233",
        "http://localhost:8233.evil.example",
        "http://localhost:8233/",
        f"{UI} {UI}",
        "HTTP://LOCALHOST:8233",
        django_settings.SITE_ROOT,
        "",
        None,
    ],
)
@pytest.mark.parametrize("operation", ["decode", "encode"])
def test_a_session_counts_only_for_temporals_ui(rosa: Person, origin: str | None, operation: str) -> None:
    headers = {} if origin is None else {"origin": origin}
    answer = post(browser_of(rosa), f"/codec/{PRD}/{operation}", body_of(sealed()), headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert "Access-Control-Allow-Origin" not in answer
    assert not was_anything_read()


def test_a_page_with_a_stolen_token_gets_no_answer_in_a_browser(rosa: Person) -> None:
    headers = {**token_of(rosa), "origin": "https://evil.example"}
    assert post(Client(), DECODE, body_of(sealed()), headers).status_code == 403
    assert not was_anything_read()


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_not_read(rosa: Person, content_type: str) -> None:
    answer = post(browser_of(rosa), DECODE, body_of(sealed()), {**FROM_UI, "content-type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")
    assert not was_anything_read()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", django_settings.SITE_ROOT])
def test_another_origins_browser_hears_nothing_when_it_asks_first(origin: str) -> None:
    asks = {"origin": origin, "access-control-request-method": "POST"}
    answer = Client().options("/codec/decode", headers=asks)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:5050", "localhost.evil.example", "localhost:5050@evil"])
def test_a_name_that_was_rebound_to_this_machine_is_not_ours(rosa: Person, host: str, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]  # Django's test client adds its own
    headers = {**FROM_UI, "host": host}
    for answer in (
        post(browser_of(rosa), DECODE, body_of(sealed()), headers),
        post(Client(), DECODE, body_of(sealed()), {**token_of(rosa), "host": host}),
        Client().options("/codec/decode", headers={**headers, "access-control-request-method": "POST"}),
    ):
        assert answer.status_code == 400
        assert SECRET not in answer.content
    assert not was_anything_read()


def test_a_token_and_a_session_are_never_mixed(rosa: Person, stan: Person) -> None:
    """Stan's token beside Rosa's cookie reads what Stan may read."""
    answer = post(browser_of(rosa), DECODE, body_of(sealed()), {**FROM_UI, **token_of(stan)})
    assert answer.status_code == 403
    answer = post(browser_of(rosa), DECODE, body_of(sealed()), {**FROM_UI, "authorization": "Bearer nonsense"})
    assert answer.status_code == 401


# --- A reader of one namespace wants another's -----------------------------------------------------


def test_a_reader_of_staging_reads_nothing_of_production(stan: Person) -> None:
    for path, header in ((f"/codec/{PRD}/decode", ""), ("/codec/decode", PRD), (f"/codec/{PRD}/decode", PRD)):
        headers = {**token_of(stan), **({"x-namespace": header} if header else {})}
        assert post(Client(), path, body_of(sealed(namespace=PRD)), headers).status_code == 403
    assert not was_anything_read()


def test_production_passed_off_as_staging_does_not_open(stan: Person) -> None:
    (stolen,) = sealed(namespace=PRD)
    relabelled = Payload.FromString(stolen.SerializeToString())
    relabelled.metadata["encryption-key-id"] = ring_of(STG).current.encode()
    as_exchange = Payload.FromString(stolen.SerializeToString())
    as_exchange.metadata["encryption-ring"] = PRD.encode()
    unknown = Payload.FromString(stolen.SerializeToString())
    unknown.metadata["encryption-key-id"] = b"0123456789abcdef"
    answers = [
        post(Client(), "/codec/decode", body_of([one]), {**token_of(stan), "x-namespace": STG})
        for one in (stolen, relabelled, as_exchange, unknown)
    ]
    assert {answer.status_code for answer in answers} == {400}
    assert len({answer.content for answer in answers}) == 1, "which fault it was tells about production's keys"
    assert not was_anything_read()


def test_staging_in_production_does_not_open_either(rosa: Person) -> None:
    answer = post(browser_of(rosa), DECODE, body_of(sealed(namespace=STG)), FROM_UI)
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable_payload")


# --- Asking the server about ciphertext ------------------------------------------------------------


def test_every_damage_gets_the_same_answer(rosa: Person) -> None:
    """No padding, length or tag oracle: one sentence whatever is wrong, and nothing of it recorded as read."""
    (good,) = sealed()
    answers = set()
    for damaged in damaged_copies(good):
        answer = post(browser_of(rosa), DECODE, body_of([damaged]), FROM_UI)
        assert answer.status_code == 400
        answers.add(answer.content)
    assert len(answers) == 1
    assert not was_anything_read()


def damaged_copies(good: Payload) -> list[Payload]:
    def copy(data: bytes, **metadata: bytes) -> Payload:
        fields = {name.replace("_", "-"): value for name, value in metadata.items()}
        return Payload(metadata={**good.metadata, **fields}, data=data)

    data = good.data
    flipped = [data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :] for place in (0, NONCE_BYTES, len(data) - 1)]
    cut = [data[:length] for length in (0, 1, NONCE_BYTES, NONCE_BYTES + 16, len(data) - 1)]
    named = [
        copy(data, encryption_key_id=b""),
        copy(data, encryption_key_id=b"\xff\xfe"),
        copy(data, encryption_key_id=b"x" * 10_000),
        copy(data, encryption_cipher=b"AES-256-CBC"),
        copy(data, encryption_cipher=b""),
        copy(data, encryption_ring=b"\xff"),
        copy(data, encryption_workflow=b"\xff"),
    ]
    return [*(copy(one) for one in [*flipped, *cut, data + b"\0", bytes(len(data))]), *named]


def test_one_bad_payload_among_good_ones_gives_none(rosa: Person) -> None:
    (good,) = sealed()
    bad = Payload(metadata=dict(good.metadata), data=good.data[:-1])
    answer = post(browser_of(rosa), DECODE, body_of([good, good, bad]), FROM_UI)
    assert (answer.status_code, answer.json()["field"]) == (400, "payloads[2]")
    assert not was_anything_read()


def test_nothing_of_a_payload_is_in_logs_or_errors(rosa: Person, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    (good,) = sealed()
    bad = Payload(metadata=dict(good.metadata), data=good.data[:-1])
    said = [
        post(browser_of(rosa), DECODE, body, FROM_UI).content.decode()
        for body in (
            body_of([good]),
            body_of([good, bad]),
            body_of([good])[:-9],
            '{"payloads": [{"4711": "owes"}]}',
        )
    ][1:]
    for text in (*said, caplog.text):
        assert "4711" not in text
        assert base64.b64encode(good.data).decode()[:40] not in text


# --- Bombs ----------------------------------------------------------------------------------------


NO_PAYLOADS = [
    " ",
    "null",
    "0",
    '"payloads"',
    "{",
    '{"payloads": null, "payloads": []}',
    '{"payloads": {}}',
    '{"payloads": [1]}',
    '{"payloads": [null]}',
    '{"payloads": [{"data": "A"}]}',
    '{"payloads": [{"data": 1e400}]}',
    '{"payloads": [{"metadata": {"encoding": {}}}]}',
    '{"payloads": [{"metadata": [], "data": ""}]}',
    '{"payloads": [{"unknown": 1}]}',
    '{"unknown": ' + "9" * 5_000 + "}",
    '{"payloads": [{"data": NaN}]}',
    b"\xff\xfe\x00",
    b"\x00" * 100,
    '{"payloads": [{"data": "\ud800"}]}'.encode("utf-8", "surrogatepass"),
    "[" * 20_000,
    '{"payloads":' * 15_000,
    '{"payloads": [{"metadata": {"\\ud800": ""}}]}',
]


@pytest.mark.parametrize("body", NO_PAYLOADS, ids=[f"bomb{number}" for number in range(len(NO_PAYLOADS))])
@pytest.mark.parametrize("operation", ["decode", "encode"])
def test_what_is_no_list_of_payloads_is_refused(rosa: Person, body: str | bytes, operation: str) -> None:
    answer = post(browser_of(rosa), f"/codec/{PRD}/{operation}", body, FROM_UI)
    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed"


@pytest.mark.parametrize(
    "body",
    [
        b'{"payloads":[' + b"{}," * 10_000 + b"{}]}",
        b'{"payloads":[' + b"{}," * 1_000 + b"{}]}",
        b'{"payloads":[' + b"{}," * 1_900_000 + b"{}]}",
        b'{"payloads":[' + b"[]," * 1_900_000 + b"[]]}",
        b"[" * 5_000_000,
        b'{"payloads":[{"data":"' + b"A" * (reading.MAXIMUM_MEBIBYTES * 1024 * 1024) + b'"}]}',
    ],
    ids=["10,001", "1,001", "millions", "millions of lists", "deep", "long"],
)
def test_more_than_anything_real_is_too_large_and_costs_little(rosa: Person, body: bytes) -> None:
    client = browser_of(rosa)
    tracemalloc.start()
    answer = post(client, DECODE, body, FROM_UI)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer["Access-Control-Allow-Origin"] == UI
    assert most < 4 * reading.MAXIMUM_MEBIBYTES * 1024 * 1024


def test_as_many_as_are_allowed_are_decoded_at_once(rosa: Person) -> None:
    payloads = sealed(*[plain()] * reading.MAXIMUM_PAYLOADS)
    assert data_of(post(browser_of(rosa), DECODE, body_of(payloads), FROM_UI)) == [SECRET] * reading.MAXIMUM_PAYLOADS


def test_the_largest_payload_that_temporal_takes_is_decoded(rosa: Person) -> None:
    large = plain(json.dumps("x" * (2 * 1024 * 1024 - 600)).encode())
    assert data_of(post(browser_of(rosa), DECODE, body_of(sealed(large)), FROM_UI)) == [large.data]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip", "GZIP"])
def test_a_compressed_body_is_never_unpacked(rosa: Person, encoding: str) -> None:
    body = gzip.compress(body_of(sealed()).encode())
    answer = post(browser_of(rosa), DECODE, body, {**FROM_UI, "content-encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")


def test_a_payload_inside_a_payload_is_opened_once(rosa: Person) -> None:
    """What a sealed payload holds is handed over as it is, also if it is sealed again: no depth to fall into."""
    twice = sealed(*sealed())
    answer = post(browser_of(rosa), DECODE, body_of(twice), FROM_UI)
    assert SECRET not in data_of(answer)[0]


def test_binary_protobuf_is_not_taken_for_json(rosa: Person) -> None:
    body = Payloads(payloads=sealed()).SerializeToString()
    assert post(browser_of(rosa), DECODE, body, FROM_UI).status_code == 400


# --- Too often -------------------------------------------------------------------------------------


def test_one_person_cannot_read_without_end_and_others_still_can(
    rosa: Person, stan: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits._RATES, "payloads", "3/m/user")
    client, token = browser_of(rosa), token_of(rosa)
    for _ in range(3):
        assert post(client, DECODE, body_of(sealed()), FROM_UI).status_code == 200
    for answer in (
        post(client, DECODE, body_of(sealed()), FROM_UI),
        post(Client(), DECODE, body_of(sealed()), token),
        post(client, f"/codec/{PRD}/encode", body_of([plain()]), FROM_UI),
    ):
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_reads")
        assert answer["Retry-After"] == "60"
    other = post(browser_of(stan), f"/codec/{STG}/decode", body_of(sealed(namespace=STG)), FROM_UI)
    assert data_of(other) == [SECRET]


def test_what_is_refused_before_is_not_counted_for_the_victim(rosa: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile page cannot use up what its visitor may read."""
    monkeypatch.setitem(limits._RATES, "payloads", "1/m/user")
    client = browser_of(rosa)
    for _ in range(3):
        assert post(client, DECODE, body_of(sealed()), {"origin": "https://evil.example"}).status_code == 403
    assert post(client, DECODE, body_of(sealed()), FROM_UI).status_code == 200
