"""Steps 6 and 14 for a warrant that was handed on: it verifies from its parent, and the entry says what it lost.

Who hands the root on is named in the entry of its minting, with the agent who gets it.
"""

from __future__ import annotations

from audit.statements.attenuating import attenuation_of
from audit.verify.case import Case, HandingOn
from audit.verify.people import check_people
from audit.verify.reading import Entry
from audit.verify.steps import Refused, Step, require


def check_attenuated(entry: Entry, case: Case) -> str:
    """Step 6. Raises ``Refused`` unless the entry tells the truth about the child, its parent and its holder."""
    details = entry.details.for_step(Step.WARRANTS)
    chain = case.warrants.verified(details.list_of_data("warrant_chain"))
    require(len(chain.warrants) > 1, Step.WARRANTS, "The entry names no parent of the warrant.")
    try:
        expected = attenuation_of(chain.warrants)
    except ValueError as error:
        raise Refused(Step.WARRANTS, f"What the warrant lost cannot be told: {error}") from error
    for name, value in expected.items():
        said = details.values.get(name)
        same = said == value and type(said) is type(value)
        require(same, Step.WARRANTS, f"The entry says of the warrant's {name.replace('_', ' ')} what it does not.")
    by = handing_on(entry, case)
    if by is not None:
        same_key = details.data("key", 32) == by.key
        require(same_key, Step.WARRANTS, "The entry names another key than the one that signed.")
        same_person = details.text("person") == by.person
        require(same_person, Step.WARRANTS, "The entry names another person than the one who hands the warrant on.")
        to_agent = expected["holder"] == by.agent
        require(to_agent, Step.WARRANTS, "The warrant was handed on to another key than its agent's.")
        return f"handed on by {by.person} to its agent, and verifies from {expected['parent']}"
    return f"handed on by {expected['parent']} to {expected['holder'].hex()[:8]}…, and verifies from it"


def check_signer(entry: Entry, case: Case) -> str:
    """Step 14 of a warrant that a person handed on. Raises ``Refused``; returns nothing to say of an agent's."""
    by = handing_on(entry, case)
    return check_people({by.key: by.person}, entry, case, entry.at_ms, people=1) if by else ""


def handing_on(entry: Entry, case: Case) -> HandingOn | None:
    """Return who handed the warrant of ``entry`` on, if it is the incident's own and a person's to hand on."""
    chain = entry.details.for_step(Step.WARRANTS).list_of_data("warrant_chain")
    return case.handing_on if len(chain) == 2 else None
