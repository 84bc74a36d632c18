"""Steps 9, 10, 11, 14 and 15: what people were asked, what they signed, what that opened, and who they are."""

from __future__ import annotations

from audit.statements.key_endorsements import EndorsedRole, NotEndorsed, verify_chain
from audit.statements.kinds import EntryKind
from audit.statements.quorum import quorum_of
from audit.statements.statements import MalformedStatement
from audit.verify.approvals import Address, Signed, read_approval, read_denial, read_retraction
from audit.verify.calls import is_gated
from audit.verify.case import Case, Request, Standing
from audit.verify.display import check_shown, check_signed
from audit.verify.fields import Fields
from audit.verify.reading import Entry
from audit.verify.receipts import Call, compute_request_hash, read_arguments
from audit.verify.steps import Refused, Step, require
from audit.verify.warrants import WarrantChain

# Clocks of browsers, workers and the service may differ by this much, as Tenuo allows. Seconds.
CLOCK_TOLERANCE = 30
# No policy may ask for an older second factor. Seconds.
LONGEST_STEP_UP = 3600
_METHODS = {"passkey": "a passkey", "sso": "their provider"}


def check_request(entry: Entry, case: Case) -> str:
    """Step 10. Raises ``Refused``."""
    details = entry.details.for_step(Step.REQUEST)
    address = Address.of(details)
    new = address.request_id not in case.requests
    require(new, Step.REQUEST, f"The request {address.request_id!r} was opened before.")
    chain = _chain_of_request(entry, details, case)
    threshold = details.integer("threshold")
    needed = chain.leaf.approval_threshold()
    require(threshold == needed, Step.REQUEST, f"{threshold} people were asked where the warrant asks for {needed}.")
    case.requests[address.request_id] = Request(
        address=address,
        request_hash=details.data("request_hash", 32),
        tool=details.text("tool"),
        chain=chain,
        expires_at=details.integer("expires_at"),
        display_digest=details.data("display_digest", 32),
        policy_version=details.text("policy_version"),
        step_up_seconds=details.integer("step_up_seconds") if "step_up_seconds" in details.values else None,
    )
    return "the request is for the call that was stopped"


def _chain_of_request(entry: Entry, details: Fields, case: Case) -> WarrantChain:
    warrant_id, tool = details.text("warrant_id"), details.text("tool")
    chains = case.warrants.with_leaf(warrant_id)
    require(bool(chains), Step.REQUEST, f"No verified warrant here has the id {warrant_id!r} that the request names.")
    arguments = read_arguments(entry, Step.REQUEST)
    if arguments is None:
        return chains[0]
    for chain in chains:
        own = compute_request_hash(chain.leaf, tool, arguments, Step.REQUEST)
        if own == details.data("request_hash", 32):
            call = Call(tool, arguments, list(chain.warrants), b"", 0, "", own)
            require(bool(is_gated(call)), Step.REQUEST, "The warrant has no gate that stops this call.")
            return chain
    raise Refused(Step.REQUEST, "The request hash is not the hash of these arguments, tool and warrant.")


def check_decision(entry: Entry, case: Case) -> str:
    """Step 11. Raises ``Refused``."""
    details = entry.details.for_step(Step.DECISION)
    is_approval = entry.kind == EntryKind.APPROVAL_GRANTED
    read, name = (read_approval, "approval") if is_approval else (read_denial, "denial")
    signed = read(details.data(name), Step.DECISION)
    request = _check_about(signed, details, entry, case)
    _check_first_denial(signed, request)
    nonce = (signed.key, signed.nonce)
    require(nonce not in case.granted_nonces, Step.DECISION, "The same signature was recorded before.")
    case.granted_nonces.add(nonce)
    if is_approval:
        _check_lifetime(signed, case.approval_lifetime, Step.DECISION)
        request.grants[signed.data] = signed.person
    confirmed = _check_step_up(details, request, entry, is_approval=is_approval)
    counted = "" if is_approval else _count_denial(signed, details, request)
    return f"signed by {signed.person}, one of the warrant's approvers{confirmed}{counted}"


def check_retraction(entry: Entry, case: Case) -> str:
    """Step 11 of an approval that its person took back. Raises ``Refused``."""
    details = entry.details.for_step(Step.DECISION)
    signed = read_retraction(details.data("retraction"), Step.DECISION)
    request = _check_about(signed, details, entry, case)
    own = {
        read_approval(data, Step.DECISION).nonce: data for data, who in request.grants.items() if who == signed.person
    }
    require(signed.nonce in own, Step.DECISION, "It takes back an approval that this person has not given here.")
    again = own[signed.nonce] in request.retracted
    require(not again, Step.DECISION, "The approval had been taken back before.")
    request.retracted.add(own[signed.nonce])
    return f"signed by {signed.person}, who takes back their approval"


def _check_about(signed: Signed, details: Fields, entry: Entry, case: Case) -> Request:
    """Return the open request that ``signed`` is about, by one of its approvers."""
    request = case.requests.get(details.text("request_id"))
    if request is None:
        raise Refused(Step.DECISION, "The decision is about a request that was not opened before it.")
    is_open = request.standing is Standing.OPEN
    require(is_open, Step.DECISION, f"The decision came after the request was {request.standing}.")
    _check_signer(signed, details, request, case)
    require(signed.request_hash == request.request_hash, Step.DECISION, "The decision was signed for another call.")
    require(signed.address == request.address, Step.DECISION, "The decision was signed for another request or run.")
    early = signed.signed_at <= entry.at_ms // 1000 + CLOCK_TOLERANCE
    require(early, Step.DECISION, "The decision was signed after it was recorded.")
    return request


def _check_first_denial(signed: Signed, request: Request) -> None:
    """A denial stays: its person neither denies again nor approves."""
    again = signed.person in request.denials.values()
    require(not again, Step.DECISION, f"{signed.person!r} had denied this request before.")


def _count_denial(signed: Signed, details: Fields, request: Request) -> str:
    """Count again whether the denials so far leave too few people to approve."""
    request.denials[signed.key] = signed.person
    try:
        quorum = quorum_of(request.chain.warrants)
    except MalformedStatement as error:
        raise Refused(Step.DECISION, str(error)) from error
    ends = quorum.is_impossible(request.denials)
    possible, needed = quorum.possible(request.denials), quorum.threshold
    if "ends_request" in details.values:
        said = details.flag("ends_request")
        claim = "ended the request" if said else "did not end the request"
        sentence = f"It is said that the denial {claim}, but {possible} people could still approve, of {needed} needed."
        require(said == ends, Step.DECISION, sentence)
    if ends:
        request.standing = Standing.DENIED
        return "; it ended the request"
    return f"; {possible} people could still approve"


def _check_step_up(details: Fields, request: Request, entry: Entry, *, is_approval: bool) -> str:
    """The service's word that the person confirmed who they are; no signature of theirs covers it."""
    if "step_up" not in details.values:
        missing = is_approval and request.step_up_seconds is not None
        require(not missing, Step.DECISION, "The request asked for a fresh second factor; the decision names none.")
        return ""
    given = Fields(details.mapping("step_up"), Step.DECISION)
    method, at = given.text("method"), given.integer("at")
    require(method in _METHODS, Step.DECISION, f"The second factor {method!r} is not known.")
    age = entry.at_ms // 1000 - at
    maximum = LONGEST_STEP_UP if request.step_up_seconds is None else request.step_up_seconds
    fresh = -CLOCK_TOLERANCE <= age <= maximum + CLOCK_TOLERANCE
    require(fresh, Step.DECISION, f"The second factor was {age} seconds old; at most {maximum} were asked for.")
    return f"; confirmed with {_METHODS[method]} {max(age, 0)} s before, as the service recorded"


def _check_signer(signed: Signed, details: Fields, request: Request, case: Case) -> None:
    required = signed.key in request.chain.approver_keys
    require(required, Step.DECISION, "The key is none of those that the warrant asks for.")
    same_key = details.data("key", 32) == signed.key
    require(same_key, Step.DECISION, "The entry names another key than the one that signed.")
    same_person = details.text("person") == signed.person
    require(same_person, Step.DECISION, "The entry names another person than the one who signed.")
    known = case.approvers.get(signed.key, signed.person)
    require(known == signed.person, Step.DECISION, f"The key belongs to {known!r}, but {signed.person!r} is named.")


def _check_lifetime(signed: Signed, maximum: int, step: Step) -> None:
    lifetime = (signed.expires_at or 0) - signed.signed_at
    sane = 0 < lifetime <= maximum
    require(sane, step, f"The approval lives for {lifetime} seconds; at most {maximum} are sane.")


def check_decider(entry: Entry, case: Case) -> str:
    """Step 14 of a decision. Raises ``Refused``."""
    case.has_decisions = True
    details = entry.details.for_step(Step.PEOPLE)
    return check_people({details.data("key", 32): details.text("person")}, entry, case, entry.at_ms, people=1)


def check_displayed(entry: Entry, case: Case) -> str:
    """Step 15 of a request, a decision or a call that passed the steps before. Raises ``Refused``."""
    details = entry.details.for_step(Step.DISPLAY)
    if entry.kind == EntryKind.APPROVAL_REQUESTED:
        return check_shown(entry, case.requests[details.text("request_id")])
    if entry.kind == EntryKind.APPROVAL_DENIED:
        found = [read_denial(details.data("denial"), Step.DISPLAY)]
    elif entry.kind == EntryKind.APPROVAL_GRANTED:
        found = [read_approval(details.data("approval"), Step.DISPLAY)]
    else:
        found = [read_approval(data, Step.DISPLAY) for data in details.list_of_data("approvals")]
    for signed in found:
        check_signed(signed, case.requests[details.text("request_id")])
    return "signed over what was shown" if found else ""


def check_approvers(entry: Entry, case: Case) -> str:
    """Step 14 of a call that ran with approvals. Raises ``Refused``."""
    details = entry.details.for_step(Step.PEOPLE)
    approvals = [read_approval(data, Step.PEOPLE) for data in details.list_of_data("approvals")]
    if not approvals:
        return ""
    needed = case.requests[details.text("request_id")].chain.leaf.approval_threshold()
    keys = {signed.key: signed.person for signed in approvals}
    return check_people(keys, entry, case, details.integer("decided_at_ms"), people=needed)


def check_people(keys: dict[bytes, str], entry: Entry, case: Case, at_ms: int, *, people: int) -> str:
    """Step 14. Raises ``Refused`` unless each of ``keys`` was endorsed as its person's, of so many ``people``."""
    if not case.people_roots:
        return ""
    details = entry.details.for_step(Step.PEOPLE)
    chain = details.list_of_data("key_endorsements")
    found = set()
    for key, person in keys.items():
        try:
            endorsed = verify_chain(chain, key, EndorsedRole.APPROVER, case.people_roots, now_ms=at_ms)
        except NotEndorsed as error:
            raise Refused(Step.PEOPLE, f"The key of {person!r} is not endorsed. {error}") from error
        same = endorsed.person == person
        require(same, Step.PEOPLE, f"The key was endorsed as {endorsed.person!r}'s, but {person!r} is named.")
        found.add(endorsed.person)
    require(len(found) >= people, Step.PEOPLE, f"{len(found)} people approved, but the warrant asks for {people}.")
    return f"the key is endorsed, from a people root, as that of {', '.join(sorted(found))}"


def check_use(entry: Entry, call: Call, case: Case) -> str:
    """Step 9. Raises ``Refused``; returns nothing to say of a call that carried and needed no approvals."""
    details = entry.details.for_step(Step.APPROVALS)
    approvals = [read_approval(data, Step.APPROVALS) for data in details.list_of_data("approvals")]
    if not approvals:
        _check_ungated(call)
        return ""
    address = Address.of(details)
    request = case.requests.get(address.request_id)
    if request is None:
        raise Refused(Step.APPROVALS, "The call carries approvals for a request that was not opened before it.")
    denied = request.standing is Standing.DENIED
    require(not denied, Step.APPROVALS, "The call ran after a person denied it.")
    owner = (address.namespace, address.workflow_id, address.run_id, details.text("activity_id"))
    # Only Temporal's retry may use an approval again, and it counts up.
    attempt = (owner, details.integer("attempt"))
    require(attempt not in case.attempts, Step.APPROVALS, "An approval was used before, by another call.")
    case.attempts.add(attempt)
    for signed in approvals:
        _check_bound(signed, address, call, request)
        _check_lifetime(signed, case.approval_lifetime, Step.APPROVALS)
        first = case.spent.setdefault((signed.key, signed.nonce), owner)
        require(first == owner, Step.APPROVALS, "An approval was used before, by another call.")
    people = {signed.person for signed in approvals}
    needed = request.chain.leaf.approval_threshold()
    enough = len(people) >= needed
    require(enough, Step.APPROVALS, f"{len(people)} people approved, but the warrant asks for {needed}.")
    case.ran.add(address.request_id)
    return f"approved by {', '.join(sorted(people))}; bound to this request, granted above, used once"


def _check_ungated(call: Call) -> None:
    """A call that carried no approvals needed none."""
    gated = is_gated(call)
    require(gated is not True, Step.APPROVALS, "The call was gated, but ran with nobody's approval.")
    unknown = gated is None and call.leaf.inspect_approval_gate(call.tool).kind != "none"
    sentence = "The call's arguments were erased, so whether it needed an approval cannot be told."
    require(not unknown, Step.APPROVALS, sentence)


def _check_bound(signed: Signed, address: Address, call: Call, request: Request) -> None:
    same_call = signed.request_hash == call.request_hash
    require(same_call, Step.APPROVALS, "An approval was signed for another call.")
    bound = signed.address == address == request.address
    require(bound, Step.APPROVALS, "An approval was signed for another request, run or namespace.")
    earliest, latest = signed.signed_at - CLOCK_TOLERANCE, (signed.expires_at or 0) + CLOCK_TOLERANCE
    valid = earliest <= call.decided_at <= latest
    require(valid, Step.APPROVALS, "An approval was not valid when the call ran.")
    denied = signed.person in request.denials.values()
    require(not denied, Step.APPROVALS, "An approval of the call is of a person who had denied it.")
    retracted = signed.data in request.retracted
    require(not retracted, Step.APPROVALS, "An approval of the call had been taken back before it ran.")
    granted = signed.data in request.grants
    require(granted, Step.APPROVALS, "An approval of the call was not granted anywhere above in this file.")
