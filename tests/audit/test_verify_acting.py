"""What an evidence file says of the person for whom an agent worked."""

from __future__ import annotations

import pytest

from audit.statements.acting import EXTENSION, Acting
from audit.statements.terms import Terms
from audit.verify.steps import Step
from tests.audit.evidence import Evidence
from tests.audit.test_verify_terms import failed, verified
from warrants.minting.extending import with_extensions

ADA = Acting("incident-agent", "local:ada")


def case(acting: bytes, *, barred: tuple[str, ...] = ("local:ada",)) -> Evidence:
    evidence = Evidence(terms=Terms(barred_people=barred))
    evidence.warrant = with_extensions(evidence.warrant, {EXTENSION: acting}, evidence.root)
    evidence.warrant_chain = [bytes(evidence.warrant.to_bytes())]
    evidence.chain = evidence.warrant.id
    evidence.minted()
    return evidence


def test_the_report_says_for_whom() -> None:
    report = verified(case(ADA.to_bytes()))
    assert not failed(report), report.as_text()
    assert "for incident-agent, which works for local:ada" in report.as_text()


@pytest.mark.parametrize(
    ("acting", "barred"),
    [
        (Acting("another-agent", "local:ada").to_bytes(), ("local:ada",)),
        (ADA.to_bytes(), ()),
        (b"\xff", ("local:ada",)),
    ],
    ids=["another-agent", "may-approve", "unreadable"],
)
def test_what_is_not_true_of_the_two_is_found(acting: bytes, barred: tuple[str, ...]) -> None:
    assert failed(verified(case(acting, barred=barred))) == [(1, Step.WARRANTS)]
