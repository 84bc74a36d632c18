"""The page of the search: who sees what of it, how it goes on to older entries, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from accounts.models import Person
from accounts.roles.contracts import Role
from audit.ledger.services import append
from audit.models import IndexedEntry, LedgerEntry, SavedSearch
from audit.search import hits
from audit.statements.kinds import EntryKind
from tests.audit.evidence import LEAD, Evidence
from tests.audit.indexed import indexed, take
from tests.people import hold, person

pytestmark = pytest.mark.django_db

Visit = Callable[..., str]


@pytest.fixture
def story() -> Evidence:
    return indexed()


def visitor(role: Role, *, namespace: str = "") -> tuple[Client, Person]:
    client, who = Client(), person(f"{role}-{namespace}", role, namespace=namespace)
    client.force_login(who)
    return client, who


def shown(client: Client, status: int = 200, path: str = "/search/", /, **parameters: str) -> str:
    answer = client.get(path, {name.rstrip("_"): value for name, value in parameters.items()})
    assert answer.status_code == status
    return answer.content.decode()


def test_an_auditor_finds_a_decision_and_comes_to_its_line(story: Evidence) -> None:
    client, _ = visitor(Role.AUDITOR, namespace="payments")
    text = shown(client, person=LEAD)
    assert "1 entry" in text
    assert f"/incidents/{story.chain}/#entry-6" in text
    assert "“the service is down”" in text


def test_arguments_are_shown_to_whoever_searched_in_them(story: Evidence) -> None:
    client, _ = visitor(Role.AUDITOR)
    assert escape('"production"') in shown(client, value="production", kind="call.gated")
    assert escape('"production"') not in shown(client, kind="call.gated")


def test_a_viewer_is_told_that_arguments_are_not_searched(story: Evidence) -> None:
    client, _ = visitor(Role.VIEWER, namespace="payments")
    text = shown(client)
    assert "9 entries" in text
    assert 'name="value"' not in text
    assert "neither is searched for you" in text
    text = shown(client, 403, value="production")
    assert "you cannot search in them" in text
    assert "#entry-" not in text
    shown(client, 403, reverse("search:charts"), value="production")


def test_a_viewer_sees_reasons_of_people_and_nothing_that_agents_said(story: Evidence) -> None:
    with transaction.atomic():
        details = {"request_id": "request-1", "reason": "canary of a workflow"}
        append(chain=story.chain, kind=EntryKind.APPROVAL_WITHDRAWN, details=details)
    take()
    (viewer, _), (auditor, _) = visitor(Role.VIEWER), visitor(Role.AUDITOR)
    assert "the service is down" in shown(viewer)
    assert "canary" not in shown(viewer)
    assert "canary of a workflow" in shown(auditor)
    assert "Nothing found" in shown(viewer, text="canary")


def test_somebody_of_another_namespace_finds_nothing(story: Evidence) -> None:
    client, _ = visitor(Role.AUDITOR, namespace="billing")
    for asked in ({}, {"person": LEAD}, {"value": "production"}, {"namespace": "payments"}):
        assert "Nothing found" in shown(client, **asked)
    assert "payments" not in shown(client)


def test_whoever_sees_arguments_only_elsewhere_is_told_where_they_were_searched(story: Evidence) -> None:
    client, who = visitor(Role.AUDITOR, namespace="billing")
    assert "searched only in the namespaces" not in shown(client, value="production")
    hold(who, Role.VIEWER, namespace="payments")
    text = shown(client, value="production")
    assert "Nothing found" in text
    assert "searched only in the namespaces" in text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("from", "soon"),
        ("to", "0"),
        ("key", "nothing"),
        ("kind", "call.maybe"),
        ("person", "x" * 201),
        ("text", "?!"),
        ("tool", "a\x00"),
        ("argument", "service"),
    ],
)
def test_what_cannot_be_asked_is_said_at_its_field(field: str, value: str) -> None:
    client, _ = visitor(Role.AUDITOR)
    text = shown(client, 422, **{field: value})
    named = "value" if field == "argument" else field
    assert f'id="search-{named}_error"' in text
    shown(client, 422, reverse("search:charts"), **{field: value})


def test_an_address_that_leads_to_no_page_is_refused() -> None:
    client, _ = visitor(Role.AUDITOR)
    for before in ("1", "x.1", "1..1", "-1.1", "1.99999999999999999999", "1.\x00", "9" * 40 + ".1"):
        assert "does not lead to a page" in shown(client, 422, before=before), before


def test_pages_follow_on_each_other_and_no_entry_is_lost_or_seen_twice(
    story: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    IndexedEntry.objects.update(at_ms=1_000_000)
    monkeypatch.setattr(hits, "PAGE", 4)
    client, _ = visitor(Role.AUDITOR)
    seen, before = [], ""
    while True:
        page = client.get("/search/", {"before": before, "incident": "P1042"}).context["page"]
        seen += [hit.sequence for hit in page.hits]
        assert page.count == 9
        if not page.older:
            break
        before = page.older
    assert seen == list(range(9, 0, -1))


def test_counting_stops_where_it_would_take_long(story: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hits, "MAXIMUM_COUNT", 8)
    client, _ = visitor(Role.AUDITOR)
    assert "More than 8 entries" in shown(client, incident="P1042")
    monkeypatch.setattr(hits, "MAXIMUM_COUNT", 9)
    assert "9 entries" in shown(client, incident="P1042")


def test_the_page_says_what_no_search_can_find(story: Evidence) -> None:
    with transaction.atomic():
        append(chain=story.chain, kind=EntryKind.RUN_COMPLETED, details={"status": "again"})
    client, _ = visitor(Role.AUDITOR)
    assert "1 new entry is on the way into the search" in shown(client)
    LedgerEntry.objects.filter(chain=story.chain, sequence=2).update(envelope=b"")
    take()
    IndexedEntry.objects.filter(entry__chain=story.chain, entry__sequence=2).update(state=2)
    text = shown(client)
    assert "1 entry does not open, or what it said was removed" in text
    assert "call-allowed: what it said was removed" in text


def test_the_texts_of_agents_are_shown_as_text(story: Evidence) -> None:
    with transaction.atomic():
        details = {"tool": "<script>alert(1)</script>\u202e", "detail": "<b>bold</b>\u202egnp.exe"}
        append(chain=story.chain, kind=EntryKind.CALL_DENIED, details=details)
    take()
    client, _ = visitor(Role.AUDITOR)
    text = shown(client)
    for active in ("<b>", "<script>alert", "\u202e"):
        assert active not in text
    assert "&lt;b&gt;bold" in text


def test_looking_writes_nothing() -> None:
    client, _ = visitor(Role.AUDITOR)
    for path in ("/search/", "/search/charts/"):
        assert client.post(path).status_code == 405
    for path in ("/search/saved/", "/search/saved/1/deletion/"):
        assert client.get(path).status_code == 405


# --- Charts -------------------------------------------------------------------------------------


def test_charts_count_what_was_found(story: Evidence) -> None:
    client, _ = visitor(Role.AUDITOR)
    answer = client.get(reverse("search:charts"), {"incident": "P1042"}, headers={"HX-Request": "true"})
    charts = answer.context["charts"]
    assert (charts.whole.total, charts.whole.approved, charts.whole.denied) == (9, 1, 0)
    assert charts.whole.approval_percent == 100
    assert charts.whole.median_words.endswith(" s")
    text = answer.content.decode()
    assert [part in text for part in ("<html", "<svg", "<table")] == [False, True, True]
    assert "<html" in shown(client, 200, reverse("search:charts"), incident="P1042")
    assert "Nothing was found" in shown(client, 200, reverse("search:charts"), person="local:nobody")


def test_years_are_drawn_in_columns_that_can_be_seen(story: Evidence) -> None:
    first = IndexedEntry.objects.earliest("at_ms")
    IndexedEntry.objects.filter(pk=first.pk).update(at_ms=first.at_ms - 1000 * 86_400_000)
    client, _ = visitor(Role.AUDITOR)
    charts = client.get(reverse("search:charts")).context["charts"]
    assert len(charts.columns) <= 92
    assert sum(column.span.total for column in charts.columns) == charts.whole.total == IndexedEntry.objects.count()


# --- Saved searches -----------------------------------------------------------------------------


def test_a_saved_search_is_found_again_by_whoever_saved_it_alone() -> None:
    (client, _), (other, _) = visitor(Role.AUDITOR), visitor(Role.VIEWER)
    asked = {"value": "canary 4711", "to": "2026-11-30", "from": "2026-11-01", "kind": "call.gated"}
    answer = client.post(reverse("search:save"), {**asked, "name": " Large refunds "})
    assert answer.status_code == 302
    text = shown(client)
    address = escape("/search/?from=2026-11-01&kind=call.gated&to=2026-11-30&value=canary+4711")
    assert f'href="{address}">Large refunds</a>' in text
    assert "Large refunds" not in shown(other)
    row = SavedSearch.objects.get()
    assert b"canary" not in bytes(row.sealed)
    assert other.post(reverse("search:delete", args=[row.pk])).status_code == 404
    assert client.post(reverse("search:delete", args=[row.pk])).status_code == 302
    assert not SavedSearch.objects.exists()


def test_a_name_that_is_taken_gets_the_new_search() -> None:
    client, _ = visitor(Role.AUDITOR)
    for tool in ("one", "two"):
        client.post(reverse("search:save"), {"name": "mine", "tool": tool})
    assert SavedSearch.objects.count() == 1
    assert "?tool=two" in shown(client)


@pytest.mark.parametrize(("name", "parameters"), [("", {}), ("x" * 101, {}), ("a\x07", {}), ("good", {"from": "soon"})])
def test_a_search_that_cannot_be_saved_is_not(name: str, parameters: dict[str, str]) -> None:
    client, _ = visitor(Role.AUDITOR)
    answer = client.post(reverse("search:save"), {"name": name, "tool": "read_logs", **parameters})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "The search was not saved" in text
    assert 'value="read_logs"' in text, "nothing that was typed is lost"
    assert not SavedSearch.objects.exists()


def test_a_row_put_under_another_owner_or_name_does_not_open() -> None:
    (client, _), (other, thief) = visitor(Role.AUDITOR), visitor(Role.VIEWER)
    client.post(reverse("search:save"), {"name": "mine", "tool": "canary"})
    SavedSearch.objects.update(owner=str(thief.pk))
    text = shown(other)
    assert "cannot be read any more" in text
    assert "canary" not in text
