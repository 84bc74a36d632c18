/** Steps 9, 10, 11, 14, 15 and 16: what people were asked, what they signed, what that opened, and who they are. */

import { concat, equal, fromText, sha256, toHex } from "../bytes.js";
import { decode } from "../cbor.js";
import { verifyChain } from "../key-endorsements.js";
import { Refusal } from "../refusal.js";
import { addressOf, isSameAddress, readApproval, readDenial, readRetraction } from "./approvals.js";
import { isGated } from "./calls.js";
import { Fields } from "./fields.js";
import { Kind } from "./kinds.js";
import { contentOf } from "./reading.js";
import { hashOf, readArguments } from "./receipts.js";
import { Refused, Step, require } from "./steps.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../terms.js").Terms} Terms */
/** @typedef {import("./approvals.js").Address} Address */
/** @typedef {import("./approvals.js").Signed} Signed */
/** @typedef {import("./case.js").Case} Case */
/** @typedef {import("./case.js").Request} Request */
/** @typedef {import("./reading.js").Entry} Entry */
/** @typedef {import("./receipts.js").Call} Call */
/** @typedef {import("./warrants.js").WarrantChain} WarrantChain */

// Clocks of browsers, workers and the service may differ by this much, as Tenuo allows. Seconds.
export const CLOCK_TOLERANCE = 30;
// No policy may ask for an older second factor. Seconds.
const LONGEST_STEP_UP = 3600;
const METHODS = new Map([["passkey", "a passkey"], ["sso", "their provider"]]);
const DISPLAY_CONTEXT = concat(fromText("countersign-display-v1"), Uint8Array.of(0));
const DISPLAY_FIELDS = "gate_message,history,reasoning,threshold,version,workflow_type";

/** Step 6 of the entry that begins an incident. @param {Entry} entry @param {Case} state @returns {Promise<string>} */
export async function checkMinted(entry, state) {
  require(entry.sequence === 1, Step.PLACE, "An incident's warrant is minted once, in the first entry.");
  const details = entry.details.forStep(Step.WARRANTS);
  const chain = await state.warrants.verified(details.listOfData("warrant_chain"));
  const { holder, issuer } = chain.leaf;
  const agent = details.mapping("agent");
  const byHand = checkHolder(details, chain, state);
  const name = agent.get("name") ?? "an agent";
  const { acting } = chain;
  if (acting) {
    require(acting.agent === name, Step.WARRANTS, "The entry names another agent than the warrant.");
    require(bars(chain.terms(Step.TERMS), acting.person), Step.WARRANTS,
      "The warrant lets the person approve for whom its agent works.");
  }
  const named = new Map(details.listOfFields("approvers").map((item) => [toHex(item.data("key", 32)), item.text("person")]));
  const same = named.size === chain.approverKeys.size && [...named.keys()].every((key) => chain.approverKeys.has(key));
  require(same, Step.WARRANTS, "The entry names other approvers than the warrant.");
  require(!named.has(toHex(holder)) && !named.has(toHex(issuer)), Step.WARRANTS,
    "The agent's or the issuer's own key is among the approvers.");
  for (const [key, person] of named) state.approvers.set(key, person);
  const forWhom = acting ? `, which works for ${acting.person}` : "";
  return `issued by ${toHex(issuer).slice(0, 8)}… for ${name}${byHand}${forWhom}, with ${named.size} approvers`;
}

/**
 * @param {Fields} details @param {WarrantChain} chain @param {Case} state
 * @returns {string} in words who hands the warrant on; nothing if its agent holds it
 */
function checkHolder(details, chain, state) {
  const { holder } = chain.leaf;
  const agentsKey = details.mapping("agent").get("holder");
  if (!details.values.has("signer")) {
    require(agentsKey instanceof Uint8Array && equal(agentsKey, holder), Step.WARRANTS,
      "The entry names another agent key than the warrant.");
    return "";
  }
  const signer = new Fields(details.mapping("signer"), Step.WARRANTS);
  const [key, person] = [signer.data("key", 32), signer.text("person")];
  require(equal(key, holder), Step.WARRANTS, "The entry names another signer's key than the warrant.");
  require(agentsKey instanceof Uint8Array && !equal(agentsKey, holder), Step.WARRANTS,
    "The signer's key and the agent's are not two.");
  require(bars(chain.terms(Step.TERMS), person), Step.WARRANTS, "The warrant lets the person approve who hands it on.");
  state.handingOn = { key, person, agent: agentsKey };
  return `, handed on by ${person}`;
}

/** Step 16 of the warrant. @param {Entry} entry @param {Case} state @returns {Promise<string>} */
export async function checkMintedTerms(entry, state) {
  const details = entry.details.forStep(Step.TERMS);
  const terms = (await state.warrants.verified(details.listOfData("warrant_chain"))).terms(Step.TERMS);
  for (const item of details.listOfFields("approvers")) {
    const person = item.text("person");
    require(!bars(terms, person), Step.TERMS, `The warrant names '${person}' as an approver, but its terms bar them.`);
  }
  const found = terms.policy ? [await checkPolicy(entry, details, terms)] : [];
  if (terms.barredPeople.length > 0) found.push(`its terms bar ${terms.barredPeople.join(", ")} from approving`);
  return found.join(", ");
}

/** @param {Entry} entry @param {import("./fields.js").Fields} details @param {Terms} terms @returns {Promise<string>} */
async function checkPolicy(entry, details, terms) {
  const named = new Fields(details.mapping("policy"), Step.TERMS);
  const isSame = named.text("name") === terms.policy && named.integer("version") === terms.version
    && equal(named.data("digest"), terms.policyDigest);
  require(isSame, Step.TERMS, "The entry names another policy than the warrant's terms.");
  const text = contentOf(entry, "policy");
  if (text === null) return `under ${terms.policyVersion}`;
  require(equal(await sha256(text), terms.policyDigest), Step.TERMS, "The policy beside the warrant is not the one of its terms.");
  return `under ${terms.policyVersion}, whose text is beside it`;
}

/** @param {Terms} terms @param {string} externalId @returns {boolean} whether this person must not approve */
function bars({ barredPeople }, externalId) {
  const separator = externalId.includes("#") ? "#" : ":";
  const at = externalId.indexOf(separator);
  const subject = at < 0 ? "" : externalId.slice(at + 1);
  return barredPeople.includes(externalId) || (subject.includes("@") && barredPeople.includes(subject.toLowerCase()));
}

/** Step 10. @param {Entry} entry @param {Case} state @returns {Promise<string>} */
export async function checkRequest(entry, state) {
  const details = entry.details.forStep(Step.REQUEST);
  const address = addressOf(details);
  require(!state.requests.has(address.requestId), Step.REQUEST, `The request '${address.requestId}' was opened before.`);
  const chain = await chainOfRequest(entry, details, state);
  const [threshold, needed] = [details.integer("threshold"), chain.leaf.threshold];
  require(threshold === needed, Step.REQUEST, `${threshold} people were asked where the warrant asks for ${needed}.`);
  state.requests.set(address.requestId, {
    address, chain,
    requestHash: details.data("request_hash", 32),
    tool: details.text("tool"),
    expiresAt: details.integer("expires_at"),
    displayDigest: details.data("display_digest", 32),
    policyVersion: details.text("policy_version"),
    stepUpSeconds: details.values.has("step_up_seconds") ? details.integer("step_up_seconds") : null,
    standing: "open",
    grants: new Map(),
    denials: new Map(),
    retracted: new Set(),
  });
  return "the request is for the call that was stopped";
}

/** @param {Entry} entry @param {Fields} details @param {Case} state @returns {Promise<WarrantChain>} */
async function chainOfRequest(entry, details, state) {
  const [warrantId, tool] = [details.text("warrant_id"), details.text("tool")];
  const chains = await state.warrants.withLeaf(warrantId);
  const [first] = chains;
  if (!first) throw new Refused(Step.REQUEST, `No verified warrant here has the id '${warrantId}' that the request names.`);
  const args = readArguments(entry, Step.REQUEST);
  if (args === null) return first;
  for (const chain of chains) {
    const requestHash = await hashOf(chain.leaf, tool, args);
    if (!equal(requestHash, details.data("request_hash", 32))) continue;
    const call = { tool, args, warrants: chain.warrants, proof: new Uint8Array(), decidedAt: 0, code: "", requestHash };
    require(isGated(call) === true, Step.REQUEST, "The warrant has no gate that stops this call.");
    return chain;
  }
  throw new Refused(Step.REQUEST, "The request hash is not the hash of these arguments, tool and warrant.");
}

/** Step 11. @param {Entry} entry @param {Case} state @returns {Promise<string>} */
export async function checkDecision(entry, state) {
  const details = entry.details.forStep(Step.DECISION);
  const isApproval = entry.kind === Kind.APPROVAL_GRANTED;
  const signed = isApproval
    ? await readApproval(details.data("approval"), Step.DECISION)
    : await readDenial(details.data("denial"), Step.DECISION);
  const request = checkAbout(signed, details, entry, state);
  require(![...request.denials.values()].includes(signed.person), Step.DECISION,
    `'${signed.person}' had denied this request before.`);
  const once = `${signed.key} ${signed.nonce}`;
  require(!state.decided.has(once), Step.DECISION, "The same signature was recorded before.");
  state.decided.add(once);
  if (isApproval) {
    checkLifetime(signed, state.approvalLifetime, Step.DECISION);
    request.grants.set(signed.id, signed);
  }
  const confirmed = checkStepUp(details, request, entry, isApproval);
  const counted = isApproval ? "" : countDenial(signed, details, request);
  return `signed by ${signed.person}, one of the warrant's approvers${confirmed}${counted}`;
}

/**
 * Step 11 of an approval that its person took back. @param {Entry} entry @param {Case} state
 * @returns {Promise<string>}
 */
export async function checkRetraction(entry, state) {
  const details = entry.details.forStep(Step.DECISION);
  const signed = await readRetraction(details.data("retraction"), Step.DECISION);
  const request = checkAbout(signed, details, entry, state);
  const given = [...request.grants.values()];
  const own = given.filter(({ person, nonce }) => person === signed.person && nonce === signed.nonce).at(-1);
  if (!own) throw new Refused(Step.DECISION, "It takes back an approval that this person has not given here.");
  require(!request.retracted.has(own.id), Step.DECISION, "The approval had been taken back before.");
  request.retracted.add(own.id);
  return `signed by ${signed.person}, who takes back their approval`;
}

/** @param {Signed} signed @param {Fields} details @param {Entry} entry @param {Case} state @returns {Request} */
function checkAbout(signed, details, entry, state) {
  const request = state.requests.get(details.text("request_id"));
  if (!request) throw new Refused(Step.DECISION, "The decision is about a request that was not opened before it.");
  require(request.standing === "open", Step.DECISION, `The decision came after the request was ${request.standing}.`);
  require(request.chain.approverKeys.has(signed.key), Step.DECISION, "The key is none of those that the warrant asks for.");
  require(toHex(details.data("key", 32)) === signed.key, Step.DECISION, "The entry names another key than the one that signed.");
  require(details.text("person") === signed.person, Step.DECISION, "The entry names another person than the one who signed.");
  const known = state.approvers.get(signed.key) ?? signed.person;
  require(known === signed.person, Step.DECISION, `The key belongs to '${known}', but '${signed.person}' is named.`);
  require(equal(signed.requestHash, request.requestHash), Step.DECISION, "The decision was signed for another call.");
  require(isSameAddress(signed.address, request.address), Step.DECISION, "The decision was signed for another request or run.");
  require(signed.signedAt <= Math.floor(entry.atMs / 1000) + CLOCK_TOLERANCE, Step.DECISION,
    "The decision was signed after it was recorded.");
  return request;
}

/**
 * Count again whether the denials so far leave too few people to approve.
 * @param {Signed} signed @param {Fields} details @param {Request} request
 */
function countDenial(signed, details, request) {
  request.denials.set(signed.key, signed.person);
  const { chain, denials } = request;
  const { oneDenialEnds } = chain.terms(Step.DECISION);
  const { firstKeys, parties } = chain;
  const keys = [...chain.approverKeys].filter((key) => !parties.has(key));
  const people = (/** @type {string[]} */ some) =>
    new Set(some.filter((key) => keys.includes(key)).map((key) => firstKeys.get(key) ?? key));
  const denied = people([...denials.keys()]);
  const possible = [...people(keys)].filter((person) => !denied.has(person)).length;
  const needed = chain.leaf.threshold;
  const ends = denied.size > 0 && (oneDenialEnds || possible < needed);
  if (details.values.has("ends_request")) {
    const said = details.flag("ends_request");
    require(said === ends, Step.DECISION, `It is said that the denial ${said ? "ended the request" : "did not end the request"}, ` +
      `but ${possible} people could still approve, of ${needed} needed.`);
  }
  if (!ends) return `; ${possible} people could still approve`;
  request.standing = "denied";
  return "; it ended the request";
}

/**
 * The service's word that the person confirmed who they are; no signature of theirs covers it.
 * @param {Fields} details @param {Request} request @param {Entry} entry @param {boolean} isApproval @returns {string}
 */
function checkStepUp(details, request, entry, isApproval) {
  if (!details.values.has("step_up")) {
    require(!isApproval || request.stepUpSeconds === null, Step.DECISION,
      "The request asked for a fresh second factor; the decision names none.");
    return "";
  }
  const given = new Fields(details.mapping("step_up"), Step.DECISION);
  const [method, at] = [given.text("method"), given.integer("at")];
  require(METHODS.has(method), Step.DECISION, `The second factor '${method}' is not known.`);
  const age = Math.floor(entry.atMs / 1000) - at;
  const maximum = request.stepUpSeconds ?? LONGEST_STEP_UP;
  require(-CLOCK_TOLERANCE <= age && age <= maximum + CLOCK_TOLERANCE, Step.DECISION,
    `The second factor was ${age} seconds old; at most ${maximum} were asked for.`);
  return `; confirmed with ${METHODS.get(method)} ${Math.max(age, 0)} s before, as the service recorded`;
}

/** @param {Signed} signed @param {number} maximum seconds @param {number} step */
function checkLifetime(signed, maximum, step) {
  const lifetime = signed.expiresAt - signed.signedAt;
  require(lifetime > 0 && lifetime <= maximum, step, `The approval lives for ${lifetime} seconds; at most ${maximum} are sane.`);
}

/** Step 14 of a decision. @param {Entry} entry @param {Case} state @returns {Promise<string>} */
export async function checkDecider(entry, state) {
  state.hasDecisions = true;
  const details = entry.details.forStep(Step.PEOPLE);
  const key = details.data("key", 32);
  return checkPeople([{ key, person: details.text("person") }], entry, state, entry.atMs, 1);
}

/** Step 14 of a call that ran with approvals. @param {Entry} entry @param {Case} state @returns {Promise<string>} */
export async function checkApprovers(entry, state) {
  const details = entry.details.forStep(Step.PEOPLE);
  const approvals = await approvalsOf(details, Step.PEOPLE);
  if (approvals.length === 0) return "";
  const needed = state.request(details.text("request_id")).chain.leaf.threshold;
  const signers = approvals.map(({ key, person }) => ({ key: bytesOf(key), person }));
  return checkPeople(signers, entry, state, details.integer("decided_at_ms"), needed);
}

/** @param {string} hex @returns {Bytes} */
function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/**
 * @param {Fields} details @param {number} step
 * @returns {Promise<Signed[]>} one after the other, so that the first fault is named
 */
async function approvalsOf(details, step) {
  const read = [];
  for (const data of details.listOfData("approvals")) read.push(await readApproval(data, step));
  return read;
}

/**
 * @param {{ key: Bytes, person: string }[]} signers @param {Entry} entry @param {Case} state @param {number} atMs
 * @param {number} people how many are needed @returns {Promise<string>}
 */
export async function checkPeople(signers, entry, state, atMs, people) {
  if (state.peopleRoots.length === 0) return "";
  const chain = entry.details.forStep(Step.PEOPLE).listOfData("key_endorsements");
  /** @type {Set<string>} */
  const found = new Set();
  for (const { key, person } of signers) {
    const endorsed = await endorsedPerson(chain, key, person, state, atMs);
    require(endorsed === person, Step.PEOPLE, `The key was endorsed as '${endorsed}''s, but '${person}' is named.`);
    found.add(endorsed);
  }
  require(found.size >= people, Step.PEOPLE, `${found.size} people approved, but the warrant asks for ${people}.`);
  return `the key is endorsed, from a people root, as that of ${[...found].sort().join(", ")}`;
}

/**
 * @param {Bytes[]} chain @param {Bytes} key @param {string} person @param {Case} state @param {number} nowMs
 * @returns {Promise<string>}
 */
async function endorsedPerson(chain, key, person, state, nowMs) {
  try {
    return (await verifyChain(chain, key, "approver", state.peopleRoots, { nowMs })).person;
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(Step.PEOPLE, `The key of '${person}' is not endorsed. ${error.message}`);
    throw error;
  }
}

/**
 * Step 15 of a request, a decision or a call that passed the steps before.
 * @param {Entry} entry @param {Case} state @returns {Promise<string>}
 */
export async function checkDisplayed(entry, state) {
  const details = entry.details.forStep(Step.DISPLAY);
  if (entry.kind === Kind.APPROVAL_REQUESTED) return checkShown(entry, state.request(details.text("request_id")));
  const found = entry.kind === Kind.APPROVAL_DENIED ? [await readDenial(details.data("denial"), Step.DISPLAY)]
    : entry.kind === Kind.APPROVAL_GRANTED ? [await readApproval(details.data("approval"), Step.DISPLAY)]
      : await approvalsOf(details, Step.DISPLAY);
  for (const { person, displayDigest, policyVersion } of found) {
    const request = state.request(details.text("request_id"));
    require(equal(displayDigest, request.displayDigest), Step.DISPLAY,
      `'${person}' signed over other words, or another history, than the request showed (display_digest).`);
    require(policyVersion === request.policyVersion, Step.DISPLAY, `'${person}' signed under the policy '${policyVersion}', ` +
      `but the request was made under '${request.policyVersion}' (policy_version).`);
  }
  return found.length > 0 ? "signed over what was shown" : "";
}

/** @param {Entry} entry @param {Request} request @returns {Promise<string>} */
async function checkShown(entry, request) {
  const label = request.chain.terms(Step.DISPLAY).policyVersion;
  require(request.policyVersion === label, Step.DISPLAY,
    `The request names the policy '${request.policyVersion}', but the root warrant '${label}'.`);
  require(entry.salted.has("display"), Step.DISPLAY, "What people were shown is not attached.");
  const content = contentOf(entry, "display");
  if (content === null) return "what people were shown was erased; its digest is known";
  const digest = await sha256(concat(DISPLAY_CONTEXT, content));
  require(equal(digest, request.displayDigest), Step.DISPLAY,
    "What people were shown has another digest than the one they were asked to sign.");
  checkForm(content, request.chain.leaf.threshold);
  return `what people were shown has the digest ${toHex(digest).slice(0, 8)}… that they signed`;
}

/** @param {Bytes} content @param {number} threshold */
function checkForm(content, threshold) {
  let facts;
  try {
    facts = decode(content);
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(Step.DISPLAY, `What people were shown cannot be read. ${error.message}`);
    throw error;
  }
  require(facts instanceof Map && [...facts.keys()].join() === DISPLAY_FIELDS && facts.get("version") === 1n, Step.DISPLAY,
    "What people were shown does not have the fields it must have.");
  require(facts.get("threshold") === BigInt(threshold), Step.DISPLAY,
    "People were shown another number of people than the warrant asks for.");
}

/**
 * Step 9.
 * @param {Entry} entry @param {Call} call @param {Case} state @returns {Promise<string>} nothing to say of a call that carried and needed no approvals
 */
export async function checkUse(entry, call, state) {
  const details = entry.details.forStep(Step.APPROVALS);
  const approvals = await approvalsOf(details, Step.APPROVALS);
  if (approvals.length === 0) {
    checkUngated(call);
    return "";
  }
  const address = addressOf(details);
  const request = state.requests.get(address.requestId);
  if (!request) throw new Refused(Step.APPROVALS, "The call carries approvals for a request that was not opened before it.");
  require(request.standing !== "denied", Step.APPROVALS, "The call ran after a person denied it.");
  const owner = JSON.stringify([address.namespace, address.workflowId, address.runId, details.text("activity_id")]);
  // Only Temporal's retry may use an approval again, and it counts up.
  const attempt = `${owner} ${details.integer("attempt")}`;
  require(!state.attempts.has(attempt), Step.APPROVALS, "An approval was used before, by another call.");
  state.attempts.add(attempt);
  for (const signed of approvals) {
    checkBound(signed, address, call, request);
    checkLifetime(signed, state.approvalLifetime, Step.APPROVALS);
    const once = `${signed.key} ${signed.nonce}`;
    require((state.spent.get(once) ?? owner) === owner, Step.APPROVALS, "An approval was used before, by another call.");
    state.spent.set(once, owner);
  }
  const people = new Set(approvals.map(({ person }) => person));
  const needed = request.chain.leaf.threshold;
  require(people.size >= needed, Step.APPROVALS, `${people.size} people approved, but the warrant asks for ${needed}.`);
  state.ran.add(address.requestId);
  return `approved by ${[...people].sort().join(", ")}; bound to this request, granted above, used once`;
}

/** @param {Call} call */
function checkUngated(call) {
  const gated = isGated(call);
  require(gated !== true, Step.APPROVALS, "The call was gated, but ran with nobody's approval.");
  require(gated !== null || !call.warrants.at(-1)?.gates.has(call.tool), Step.APPROVALS,
    "The call's arguments were erased, so whether it needed an approval cannot be told.");
}

/** @param {Signed} signed @param {Address} address @param {Call} call @param {Request} request */
function checkBound(signed, address, call, request) {
  require(equal(signed.requestHash, call.requestHash), Step.APPROVALS, "An approval was signed for another call.");
  require(isSameAddress(signed.address, address) && isSameAddress(address, request.address), Step.APPROVALS,
    "An approval was signed for another request, run or namespace.");
  require(signed.signedAt - CLOCK_TOLERANCE <= call.decidedAt && call.decidedAt <= signed.expiresAt + CLOCK_TOLERANCE,
    Step.APPROVALS, "An approval was not valid when the call ran.");
  require(![...request.denials.values()].includes(signed.person), Step.APPROVALS,
    "An approval of the call is of a person who had denied it.");
  require(!request.retracted.has(signed.id), Step.APPROVALS, "An approval of the call had been taken back before it ran.");
  require(request.grants.has(signed.id), Step.APPROVALS, "An approval of the call was not granted anywhere above in this file.");
}

/**
 * Step 16 of a decision; a denial may be anybody's. @param {Entry} entry @param {Case} state
 * @returns {Promise<string>}
 */
export async function checkDecisionTerms(entry, state) {
  if (entry.kind !== Kind.APPROVAL_GRANTED) return "";
  const details = entry.details.forStep(Step.TERMS);
  const { chain } = state.request(details.text("request_id"));
  return checkTerms([await readApproval(details.data("approval"), Step.TERMS)], chain.terms(Step.TERMS));
}

/** Step 16 of a call that ran with approvals. @param {Entry} entry @param {Case} state @returns {Promise<string>} */
export async function checkUseTerms(entry, state) {
  const details = entry.details.forStep(Step.TERMS);
  const approvals = await approvalsOf(details, Step.TERMS);
  if (approvals.length === 0) return "";
  return checkTerms(approvals, state.request(details.text("request_id")).chain.terms(Step.TERMS));
}

/** @param {Signed[]} approvals @param {Terms} terms @returns {string} */
function checkTerms(approvals, terms) {
  for (const signed of approvals) {
    require(!bars(terms, signed.person), Step.TERMS,
      `'${signed.person}' approved, but raised the alert, or the agent acts for them.`);
    const lifetime = signed.expiresAt - signed.signedAt;
    const maximum = Math.min(terms.approvalSeconds || lifetime, lifetime);
    require(lifetime <= maximum, Step.TERMS, `The approval lives for ${lifetime} seconds; the warrant's terms allow ${maximum}.`);
  }
  const said = terms.barredPeople.length > 0 ? ["nobody whom the warrant bars"] : [];
  if (terms.approvalSeconds) said.push(`lives ${terms.approvalSeconds} s at most`);
  return said.length > 0 ? `as the warrant's terms want it: ${said.join(", ")}` : "";
}
