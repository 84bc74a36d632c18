"""Everybody who may knock, and the world they knock at."""

from __future__ import annotations

import base64
import datetime
import re
from dataclasses import dataclass, field
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.models import Notice, Person, PersonSession
from accounts.roles.contracts import Role
from accounts.sign_in.services import issue_link
from accounts.tokens.services import make as issue_token
from approvals.absence.services import note
from approvals.models import ApprovalRequest, Notification, OnCallRotation, PushSubscription
from approvals.on_call.services import save_rotation, step_in
from audit.search.contracts import Search
from audit.search.saving import save as save_search
from tests.approvals import factories
from tests.approvals.factories import Approver
from tests.people import hold, person
from warrants.policies.services import begin
from warrants.revocation.contracts import Aim, Scope
from warrants.revocation.services import stop

NAMESPACE = "payments"
_ROLE_OF = {
    "view": Role.VIEWER,
    "auth": Role.POLICY_AUTHOR,
    "publ": Role.POLICY_PUBLISHER,
    "audi": Role.AUDITOR,
    "local": Role.SECURITY_ADMINISTRATOR,
}


@dataclass
class World:
    """One waiting request of Ada's in "payments", with everything that has an address."""

    ada: Approver
    vera: Person
    waiting: ApprovalRequest
    examples: dict[str, Any] = field(default_factory=dict)

    def path(self, route: str) -> str:
        """Return an address that ``route`` matches, about what is here."""
        examples = self.examples
        if route.startswith("people/"):
            examples = {**examples, "session_id": self.examples["session_of_vera"]}
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(examples[found[1]]), route.lstrip("/"))

    def body(self, route: str) -> dict[str, str]:
        """Return a form that would do what it says, if it were let in."""
        if route.endswith("/decision/") and "devices/" not in route:
            return {"approval": base64.b64encode(self.ada.sign_approval(self.waiting)).decode()}
        if route.endswith("/retraction/"):  # of an approval that nobody has recorded
            approval = self.ada.sign_approval(self.waiting)
            return {"retraction": base64.b64encode(self.ada.sign_retraction(self.waiting, approval)).decode()}
        if route.endswith("/resumption/"):
            return {"scope": Scope.NAMESPACE.value, "name": NAMESPACE}
        return {"role": Role.VIEWER.value, "namespace": NAMESPACE, "name": "Phone"}

    def visitor(self, who: str) -> Client:
        """Return the browser of ``who`` of the table's columns."""
        client = Client()
        somebody = self._person(who)
        if somebody is not None:
            client.force_login(somebody)
        if who == "gone":
            Person.objects.filter(username="gone").update(is_active=False)
        return client

    def _person(self, who: str) -> Person | None:
        if who == "anon":
            return None
        if who == "appr":
            return self.ada.person
        if who == "view":
            return self.vera
        if who in _ROLE_OF:
            return person(who, _ROLE_OF[who], namespace=NAMESPACE)
        if who == "admin":
            return person(who, Role.SECURITY_ADMINISTRATOR)
        somebody = person(who)
        if who == "else":
            return hold(somebody, *Role, namespace="billing")
        return hold(somebody, *Role) if who == "gone" else somebody


def make_world() -> World:
    ada = factories.approver("ada", namespace=NAMESPACE)
    vera = person("vera", Role.VIEWER, namespace=NAMESPACE)
    waiting = factories.open_request(ada, namespace=NAMESPACE)
    world = World(ada, vera, waiting)
    stop(aim=Aim(Scope.NAMESPACE, NAMESPACE), reason="It went astray.", stopped_by="tests")
    draft = begin(name="night-shift", author=person("writer", Role.POLICY_AUTHOR), text="name: night-shift")
    rotation = OnCallRotation(
        name="Primary",
        namespace=NAMESPACE,
        schedule="primary",
        hands_over=datetime.time(9),
        time_zone="UTC",
        starts_on=datetime.date(2026, 1, 5),
    )
    save_rotation(rotation=rotation, people=[ada.person], by=vera)
    world.examples = {
        "request_id": waiting.pk,
        "chain": waiting.chain,
        "warrant_id": waiting.chain,
        "key_id": ada.person.approver_keys.get().pk,
        "person_id": vera.pk,
        "session_id": _session(ada.person),
        "subscription_id": PushSubscription.objects.create(person=ada.person, created_at=timezone.now()).pk,
        "session_of_vera": _session(vera),
        "notice_id": Notice.objects.create(person=ada.person, title="A key", text="It was made.").pk,
        "passkey_id": Authenticator.objects.create(
            user=ada.person, type=Authenticator.Type.WEBAUTHN, data={"name": "Phone"}
        ).pk,
        "saved_id": save_search(owner=str(ada.person.pk), name="Mine", search=Search()).pk,
        "token_id": issue_token(person=ada.person, name="Laptop")[0].pk,
        "rotation_id": rotation.pk,
        "override_id": step_in(
            rotation=rotation,
            person=ada.person,
            begins=timezone.now(),
            ends=timezone.now() + datetime.timedelta(days=1),
            by=vera,
        ).pk,
        "absence_id": _absence(ada.person),
        "provider_id": "acme",
        "receiver": "board",
        "notification_id": _failed_webhook(waiting),
        "name": draft.name,
        "part": "rule",
        "number": draft.number,
        "namespace": NAMESPACE,
        "token": issue_link(person=vera, valid_for_seconds=600).rsplit("/", 2)[1],
    }
    return world


def routes(resolver: URLResolver | None = None, before: str = "") -> list[str]:
    """Return every route of the site, as the URL patterns write them."""
    found: list[str] = []
    for pattern in (resolver or get_resolver()).url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            found.append(route or "/")
        else:
            found += routes(pattern, route)
    return found


def session_cookie(client: Client) -> str:
    cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
    return f"{settings.SESSION_COOKIE_NAME}={cookie.value if cookie else ''}"


def answer_of(response: Any) -> str:
    """Return an HTTP answer in the words of the table."""
    if response.status_code == 302 and response["Location"].startswith("/accounts/login/"):
        return "in"
    return str(response.status_code)


def _failed_webhook(request: ApprovalRequest) -> int:
    """Return the id of a webhook that could not be sent."""
    now = timezone.now()
    row = Notification.objects.create(
        approval_request=request, channel="webhook", event="opened", recipient="webhook:board", place="board",
        display_name="Webhook board", urgency=0, state="failed", created_at=now, due_at=now, ended_at=now,
    )  # fmt: skip
    return row.pk


def _absence(of: Person) -> int:
    """Return the id of an absence to come."""
    begins = timezone.now() + datetime.timedelta(days=1)
    ends = begins + datetime.timedelta(days=1)
    return note(person=of, stand_in=None, begins=begins, ends=ends, time_zone="UTC", by=of).pk


def _session(of: Person) -> int:
    """Return the id of a session of ``of`` in another browser."""
    client = Client()
    client.force_login(of)
    assert Session.objects.filter(pk=client.session.session_key).exists()
    return PersonSession.objects.get(session=client.session.session_key).pk


def _passkey(of: Person) -> int:
    """Return the id of a passkey that nobody can use."""
    return Authenticator.objects.create(user=of, type=Authenticator.Type.WEBAUTHN, data={"name": "Phone"}).pk
