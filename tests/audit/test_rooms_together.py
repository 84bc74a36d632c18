"""What all the rooms write about one incident is evidence that verifies."""

from __future__ import annotations

import base64
import time

import pytest
import tenuo_core
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.models import ApproverKey, KeyEndorsement, Person
from accounts.roles.contracts import Role
from approvals.contracts import GateRequest, Outcome, RunReport
from approvals.decisions import services as decisions
from approvals.requests import services as requests
from audit.export.services import bundle_of
from audit.keys.queries import private_key_of
from audit.keys.services import ensure_service_key
from audit.receipts.services import record
from audit.statements import cbor
from audit.verify.report import Report
from audit.verify.verifier import verify
from tests.audit.evidence import RESTART, RUN, Evidence, public
from tests.endorsing import ROOT_KEY, endorsed
from tests.people import hold
from warrants.agents.queries import holder_keys
from warrants.agents.services import ensure_agent
from warrants.issuers.queries import trusted_roots
from warrants.minting.contracts import Incident
from warrants.minting.services import mint

pytestmark = pytest.mark.django_db

REQUEST = "request-1"


class Rooms(Evidence):
    """The same cast, but the rooms mint, ask, decide and record."""

    def __post_init__(self) -> None:
        self.person = Person.objects.create_user("lead", password="a long enough password", display_name="Lea")
        hold(self.person, Role.APPROVER)
        key = ApproverKey.objects.create(person=self.person, public_key=public(self.lead), name="laptop", proof=b"")
        endorsed(key)
        self.people_root = ROOT_KEY
        self.key_endorsements = [bytes(row.envelope) for row in KeyEndorsement.objects.filter(key=key)]
        agent = ensure_agent(name="incident-agent")
        incident = Incident("P1042", "High error rate", "high", "payment-service-prod", "default")
        minted = mint(policy="incident-response", incident=incident, agent=agent, approvers=[key])
        self.holder = Ed25519PrivateKey.from_private_bytes(holder_keys()[agent.key_id])
        self.people = {public(self.lead): self.person.external_id}
        self.warrant = tenuo_core.Warrant.from_bytes(minted.chain[0])
        self.warrant_chain, self.chain = minted.chain, minted.id
        self.receipts = private_key_of(ensure_service_key(purpose="receipts"))
        self.issuer = tenuo_core.ReceiptIssuer(tenuo_core.SigningKey.from_bytes(self.receipts.private_bytes_raw()))
        roots = [tenuo_core.PublicKey.from_bytes(root) for root in trusted_roots()]
        self.authorizer = tenuo_core.Authorizer(trusted_roots=roots)
        self.issuer.bind_authorizer(self.authorizer)

    def decide(self, tool: str, arguments: dict[str, object], verdict: str, **options: object) -> None:
        """A worker decides and its receipt is recorded."""
        details = self.call_details(tool, arguments, verdict=verdict, **options)  # type: ignore[arg-type]
        at_ms, sequence = details.pop("decided_at_ms"), details.pop("worker_sequence")
        encoded = cbor.encode(arguments)
        record(**details, verdict=verdict, chain=self.chain, arguments_cbor=encoded, at_ms=at_ms, sequence=sequence)

    def ask(self) -> None:
        """The call stops at its gate and a request is opened."""
        self.decide("restart_service", RESTART, "gated", code="approval-required", request_id=REQUEST)
        requests.open(
            gate_request=GateRequest(
                request_id=REQUEST,
                **RUN,
                workflow_type="IncidentWorkflow",
                tool="restart_service",
                arguments_cbor=base64.b64encode(cbor.encode(RESTART)).decode(),
                request_hash=self.request_hash("restart_service", RESTART).hex(),
                warrant_chain=[base64.b64encode(warrant).decode() for warrant in self.warrant_chain],
                gate_message=self.shown.gate_message,
                reasoning=self.shown.reasoning,
                opened_at_ms=self.now * 1000,
                expires_at=self.now + 600,
                display_digest=self.shown.digest.hex(),
                policy_version=self.binding(REQUEST).policy_version,
                history=list(self.shown.history),
            )
        )

    def finish(self, status: str) -> Report:
        """The workflow reports the outcome, the run ends, and an auditor verifies what is exported."""
        now_ms = time.time_ns() // 1_000_000
        requests.close(outcome=Outcome(REQUEST, status, now_ms, result_json='"restarted"'))
        requests.record_run(report=RunReport(self.chain, **RUN, status="completed", at_ms=now_ms))
        return verify(b"".join(bundle_of(self.chain).lines()), roots=[root.hex() for root in trusted_roots()])


def test_an_approved_incident_verifies() -> None:
    rooms = Rooms()
    rooms.decide("read_logs", {"service": "payment-service-prod", "minutes": 15}, "allowed")
    rooms.decide("delete_database", {"name": "payments"}, "denied", code="tool-not-authorized")
    rooms.ask()
    approval = rooms.approve(lifetime=300)
    decisions.record(person=rooms.person, request_id=REQUEST, approval=approval)
    rooms.decide("restart_service", RESTART, "allowed", approvals=(approval,), request_id=REQUEST)
    report = rooms.finish("executed")
    assert report.verified, report.as_text()
    assert report.counts["approval.granted"] == report.counts["call.result"] == 1
    assert report.state == "completed"


def test_a_denied_incident_verifies() -> None:
    rooms = Rooms()
    rooms.ask()
    decisions.record(person=rooms.person, request_id=REQUEST, denial=rooms.deny())
    report = rooms.finish("denied")
    assert report.verified, report.as_text()
    assert report.counts["approval.denied"] == 1


def test_a_withdrawn_incident_verifies() -> None:
    rooms = Rooms()
    rooms.ask()
    report = rooms.finish("withdrawn")
    assert report.verified, report.as_text()
    assert report.counts["approval.withdrawn"] == 1
