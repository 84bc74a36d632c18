/**
 * Verification of a whole file, line by line, with nothing but root keys: the twin of audit/verify, written apart from it.
 *
 * A line fails at its first step that does not pass; the lines after it are still checked. What this verifier cannot
 * check it says of the line, and the file is then not verified.
 */

import { checkAttenuated } from "./attenuating.js";
import { toHex } from "../bytes.js";
import { checkCall } from "./calls.js";
import { Case } from "./case.js";
import { ELSEWHERE, Kind } from "./kinds.js";
import { checkAttachments, checkEnd, checkPlace, checkSignature } from "./ledger.js";
import { checkCompleted, checkExpired, checkResult, checkSuperseded, checkWithdrawn, unbackedExecutions } from "./outcomes.js";
import {
  checkApprovers, checkDecider, checkDecision, checkDecisionTerms, checkDisplayed, checkMinted, checkMintedTerms, checkRequest,
  checkRetraction, checkUse, checkUseTerms,
} from "./people.js";
import { isCheckpoint, readCheckpoint, readEntry, split } from "./reading.js";
import { checkReceipt, readArguments } from "./receipts.js";
import { LineReport, Report } from "./report.js";
import { NotChecked, Refused, Step, UnusableInput, require } from "./steps.js";
import { endorsedKeys, keysOf } from "./trust.js";
import { parseChain } from "./warrants.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("./reading.js").Entry} Entry */
/** @typedef {import("./reading.js").Checkpoint} Checkpoint */

export const APPROVAL_LIFETIME_SECONDS = 24 * 3600;
const CALLS = new Set([Kind.CALL_ALLOWED, Kind.CALL_DENIED, Kind.CALL_GATED]);

/**
 * @param {Bytes} data the file
 * @param {{ roots: string[], peopleRoots?: string[], approvalLifetime?: number }} trust root public keys known from
 *     elsewhere, 64 hexadecimal digits each; without `peopleRoots`, whose keys signed is not checked, and a note says so
 * @returns {Promise<Report>}
 * @throws {UnusableInput} if `data` is no evidence file or a root is no key
 */
export async function verifyEvidence(data, { roots, peopleRoots = [], approvalLifetime = APPROVAL_LIFETIME_SECONDS }) {
  if (roots.length === 0) throw new UnusableInput("Give at least one root key; the keys page and the issuer's owner know it.");
  const trusted = new Set(keysOf(roots, "root key").map(toHex));
  const people = keysOf(peopleRoots, "people root");
  const lines = split(data);
  const reports = lines.map((_, index) => new LineReport(index + 1));
  /** @type {(Entry | Checkpoint | null)[]} */
  const read = [];
  for (const report of reports) read.push(await readLine(/** @type {Bytes} */ (lines[report.line - 1]), report));
  const entries = read.filter((item) => item?.type === "entry");
  const name = nameOf(entries[0]);
  const first = /** @type {LineReport} */ (reports[0]);
  const endorsed = await judged(first, () => openCase(read[0] ?? null, first, trusted));
  if (!endorsed) return new Report({ chain: name, lines: [first], notes: ["Nothing after the first line could be checked."] });
  const state = new Case({ roots: trusted, peopleRoots: people, endorsed, name, approvalLifetime });
  await gatherWarrants(entries, state);
  for (const report of reports) {
    const item = read[report.line - 1];
    if (item) await judged(report, () => checkLine(item, report, state, report.line === lines.length));
  }
  for (const line of unbackedExecutions(state)) {
    reports[line - 1]?.fail(new Refused(Step.OUTCOME, "The call is said to have run, but no receipt here allowed it."));
  }
  if (!state.runStatus) state.notes.push("The file has no run.completed entry: the incident was open when it was written.");
  if (state.hasDecisions && people.length === 0) {
    state.notes.push("Whose keys the approvers' are was not checked: give the people root to check it.");
  }
  return new Report({ chain: name, lines: reports, state: state.runStatus || "open", counts: state.counts, notes: state.notes });
}

/**
 * @template T @param {LineReport} report @param {() => Promise<T>} check
 * @returns {Promise<T | null>} null if it did not pass
 */
async function judged(report, check) {
  try {
    return await check();
  } catch (error) {
    if (error instanceof NotChecked) report.leave(error);
    else if (error instanceof Refused) report.fail(error);
    // Whatever cannot be checked is not verified.
    else report.fail(new Refused(Step.FORM, `The line cannot be checked (${error instanceof Error ? error.name : "error"}).`));
    return null;
  }
}

/** Step 1. @param {Bytes} line @param {LineReport} report @returns {Promise<Entry | Checkpoint | null>} */
function readLine(line, report) {
  return judged(report, async () => {
    if (isCheckpoint(line)) {
      report.entry = "checkpoint";
      return readCheckpoint(report.line, line);
    }
    const entry = await readEntry(report.line, line);
    report.entry = `#${entry.sequence} ${entry.kind}`;
    return entry;
  });
}

/** @param {Entry | undefined} first @returns {string} */
function nameOf(first) {
  const name = first?.facts.values.get("chain");
  return typeof name === "string" ? name : "";
}

/**
 * Step 2, on the first line: without an endorsed ledger key nothing else can be checked.
 * @param {Entry | Checkpoint | null} first @param {LineReport} report @param {Set<string>} roots
 */
async function openCase(first, report, roots) {
  if (first === null) return null;
  const begins = first.type === "entry" && first.kind === Kind.WARRANT_MINTED && first.sequence === 1;
  require(begins, Step.PLACE, "The file does not begin with entry 1, the minting of the incident's warrant.");
  const endorsed = await endorsedKeys(first.details, roots);
  report.passed(Step.LEDGER_KEY, "the service's keys are endorsed by a trusted root");
  return endorsed;
}

/**
 * Verify every warrant chain once, because a request may be recorded before the receipt of its call.
 * @param {Entry[]} entries @param {Case} state
 */
async function gatherWarrants(entries, state) {
  for (const entry of entries) {
    try {
      await state.warrants.verified(entry.details.listOfData("warrant_chain"));
    } catch (error) {
      if (!(error instanceof Refused || error instanceof NotChecked)) throw error;
      // Said when its own line is checked; most kinds carry none.
    }
  }
}

/** @param {Entry | Checkpoint} item @param {LineReport} report @param {Case} state @param {boolean} isLast */
async function checkLine(item, report, state, isLast) {
  if (item.type === "checkpoint") {
    require(isLast, Step.END, "There are lines after the checkpoint.");
    await checkEnd(item, state.place, state.endorsed.ledger);
    report.passed(Step.END, `signed; ${state.place.size} entries, the last one's hash matches`);
    return;
  }
  require(!isLast, Step.END, "The file does not end with a checkpoint: its tail is missing.");
  try {
    await checkSignature(item, state.endorsed.ledger);
    report.passed(Step.SIGNATURE, "signed by the ledger key");
    checkPlace(item, state.place);
  } finally {
    // The next line is compared with this one, so that one fault is named once.
    state.place = { ...state.place, size: item.sequence, head: item.hash };
  }
  report.passed(Step.PLACE, "linked to the entry before");
  await checkAttachments(item);
  report.passed(Step.ATTACHMENTS, attachmentsOf(item, state));
  state.counts.set(item.kind, (state.counts.get(item.kind) ?? 0) + 1);
  await checkKind(item, report, state);
}

/** @param {Entry} entry @param {Case} state @returns {string} */
function attachmentsOf(entry, state) {
  const names = [...entry.salted.keys()].sort();
  const erased = names.filter((name) => entry.salted.get(name) === null);
  if (erased.length > 0) state.notes.push(`Line ${entry.line}: erased, and not checked again: ${erased.join(", ")}.`);
  return names.length > 0 && erased.length === 0 ? `${names.join(", ")} as attached` : "";
}

/** @param {Entry} entry @param {LineReport} report @param {Case} state */
async function checkKind(entry, report, state) {
  if (CALLS.has(entry.kind)) return checkCallEntry(entry, report, state);
  const elsewhere = ELSEWHERE.get(entry.kind);
  if (elsewhere) throw new Refused(Step.PLACE, elsewhere);
  switch (entry.kind) {
    case Kind.APPROVAL_GRANTED:
    case Kind.APPROVAL_DENIED:
      report.passed(Step.DECISION, await checkDecision(entry, state));
      report.passed(Step.PEOPLE, await checkDecider(entry, state));
      report.passed(Step.DISPLAY, await checkDisplayed(entry, state));
      report.passed(Step.TERMS, await checkDecisionTerms(entry, state));
      break;
    case Kind.APPROVAL_RETRACTED:
      report.passed(Step.DECISION, await checkRetraction(entry, state));
      report.passed(Step.PEOPLE, await checkDecider(entry, state));
      break;
    case Kind.WARRANT_MINTED:
      report.passed(Step.WARRANTS, await checkMinted(entry, state));
      report.passed(Step.TERMS, await checkMintedTerms(entry, state));
      break;
    case Kind.WARRANT_ATTENUATED: report.passed(Step.WARRANTS, await checkAttenuated(entry, state)); break;
    case Kind.APPROVAL_REQUESTED:
      report.passed(Step.REQUEST, await checkRequest(entry, state));
      report.passed(Step.DISPLAY, await checkDisplayed(entry, state));
      break;
    case Kind.APPROVAL_EXPIRED: report.passed(Step.OUTCOME, checkExpired(entry, state)); break;
    case Kind.APPROVAL_WITHDRAWN: report.passed(Step.OUTCOME, checkWithdrawn(entry, state)); break;
    case Kind.APPROVAL_SUPERSEDED: report.passed(Step.OUTCOME, checkSuperseded(entry, state)); break;
    case Kind.CALL_RESULT: report.passed(Step.OUTCOME, checkResult(entry, state)); break;
    case Kind.RUN_COMPLETED: report.passed(Step.OUTCOME, checkCompleted(entry, state)); break;
  }
}

/** @param {Entry} entry @param {LineReport} report @param {Case} state */
async function checkCallEntry(entry, report, state) {
  const presented = entry.details.forStep(Step.WARRANTS).listOfData("warrant_chain");
  const parsed = await parseChain(presented);
  state.warrants.requireRoot(parsed);
  if (entry.kind !== Kind.CALL_DENIED) {
    // A refused call may have come with a forged warrant: that is why it was refused.
    await state.warrants.verified(presented);
    report.passed(Step.WARRANTS, "warrants verify from the root");
  }
  checkOnce(entry, state);
  const args = readArguments(entry, Step.RECEIPT);
  const call = await checkReceipt(entry.kind, entry.details, args, parsed, state.endorsed.receipts);
  report.passed(Step.RECEIPT, `receipt of ${call.tool} signed by an endorsed worker key`);
  try {
    report.passed(Step.CALL, await checkCall(entry, call, state.roots));
  } catch (error) {
    // What people signed can still be checked, and the lines after it depend on that.
    if (!(error instanceof NotChecked)) throw error;
    report.leave(error);
  }
  if (entry.kind !== Kind.CALL_ALLOWED) return;
  report.passed(Step.APPROVALS, await checkUse(entry, call, state));
  report.passed(Step.PEOPLE, await checkApprovers(entry, state));
  report.passed(Step.DISPLAY, await checkDisplayed(entry, state));
  report.passed(Step.TERMS, await checkUseTerms(entry, state));
}

/** @param {Entry} entry @param {Case} state */
function checkOnce(entry, state) {
  const details = entry.details.forStep(Step.RECEIPT);
  const receipt = toHex(details.data("receipt"));
  const number = JSON.stringify([details.text("worker"), details.integer("worker_sequence")]);
  require(!state.receipts.has(receipt) && !state.workerSequences.has(number), Step.RECEIPT, "The same receipt was recorded before.");
  state.receipts.add(receipt);
  state.workerSequences.add(number);
}
