"""Step 6 for the entry that begins an incident: the warrant, its agent and its approvers."""

from __future__ import annotations

from audit.verify.case import Case, HandingOn
from audit.verify.fields import Fields
from audit.verify.reading import Entry
from audit.verify.steps import Refused, Step, require
from audit.verify.warrants import WarrantChain


def check_minted(entry: Entry, case: Case) -> str:
    """Step 6. Raises ``Refused`` unless the entry tells the truth about the warrant and its people."""
    require(entry.sequence == 1, Step.PLACE, "An incident's warrant is minted once, in the first entry.")
    details = entry.details.for_step(Step.WARRANTS)
    chain = case.warrants.verified(details.list_of_data("warrant_chain"))
    holder = bytes(chain.leaf.authorized_holder.to_bytes())
    agent = details.mapping("agent")
    by_hand = _check_holder(details, chain, holder, case)
    for_whom = _check_acting(chain, agent.get("name", "an agent"))
    named = {item.data("key", 32): item.text("person") for item in details.list_of_fields("approvers")}
    same = set(named) == chain.approver_keys
    require(same, Step.WARRANTS, "The entry names other approvers than the warrant.")
    issuer = bytes(chain.leaf.issuer.to_bytes())
    apart = not named.keys() & {holder, issuer}
    require(apart, Step.WARRANTS, "The agent's or the issuer's own key is among the approvers.")
    case.approvers.update(named)
    whom = f"{agent.get('name', 'an agent')}{by_hand}{for_whom}"
    return f"issued by {issuer.hex()[:8]}… for {whom}, with {len(named)} approvers"


def _check_holder(details: Fields, chain: WarrantChain, holder: bytes, case: Case) -> str:
    """Return in words who hands the warrant on; nothing if its agent holds it. Raises ``Refused``."""
    agents_key: object = details.mapping("agent").get("holder")
    if "signer" not in details.values:
        require(agents_key == holder, Step.WARRANTS, "The entry names another agent key than the warrant.")
        return ""
    signer = Fields(details.mapping("signer"), Step.WARRANTS)
    key, person = signer.data("key", 32), signer.text("person")
    require(key == holder, Step.WARRANTS, "The entry names another signer's key than the warrant.")
    if not isinstance(agents_key, bytes) or agents_key == holder:
        raise Refused(Step.WARRANTS, "The signer's key and the agent's are not two.")
    barred = chain.terms.bars(person)
    require(barred, Step.WARRANTS, "The warrant lets the person approve who hands it on.")
    case.handing_on = HandingOn(key, person, agents_key)
    return f", handed on by {person}"


def _check_acting(chain: WarrantChain, agent: object) -> str:
    """Return in words for whom the agent works; nothing if for nobody. Raises ``Refused``."""
    acting = chain.acting
    if acting is None:
        return ""
    require(acting.agent == agent, Step.WARRANTS, "The entry names another agent than the warrant.")
    barred = chain.terms.bars(acting.person)
    require(barred, Step.WARRANTS, "The warrant lets the person approve for whom its agent works.")
    return f", which works for {acting.person}"
