/** Steps 6 to 12 and 14 to 16: the entries of one incident, in order. */

import { toHex } from "../bytes.js";
import { checkAttenuated, checkSigner, handingOn } from "./attenuating.js";
import { checkCall } from "./calls.js";
import { ELSEWHERE, Kind } from "./kinds.js";
import { checkCompleted, checkExpired, checkResult, checkSuperseded, checkWithdrawn } from "./outcomes.js";
import {
  checkApprovers, checkDecider, checkDecision, checkDecisionTerms, checkDisplayed, checkMinted, checkMintedTerms, checkRequest,
  checkRetraction, checkUse, checkUseTerms,
} from "./people.js";
import { checkReceipt, readArguments } from "./receipts.js";
import { NotChecked, Refused, Step, require } from "./steps.js";

/** @typedef {import("./case.js").Case} Case */
/** @typedef {import("./reading.js").Entry} Entry */
/** @typedef {import("./report.js").LineReport} LineReport */

const CALLS = new Set([Kind.CALL_ALLOWED, Kind.CALL_DENIED, Kind.CALL_GATED]);

/**
 * Verify every warrant chain once, because a request may be recorded before the receipt of its call.
 * @param {Entry[]} entries @param {Case} state
 */
export async function gatherWarrants(entries, state) {
  for (const entry of entries) {
    try {
      await state.warrants.verified(entry.details.listOfData("warrant_chain"));
    } catch (error) {
      if (!(error instanceof Refused || error instanceof NotChecked)) throw error;
      // Said when its own line is checked; most kinds carry none.
    }
  }
}

/**
 * The steps of the entry's kind. @param {Entry} entry @param {LineReport} report @param {Case} state
 * @param {Entry[]} decided is added to, if the entry is a decision
 */
export async function checkKind(entry, report, state, decided) {
  if (CALLS.has(entry.kind)) return checkCallEntry(entry, report, state);
  const elsewhere = ELSEWHERE.get(entry.kind);
  if (elsewhere) throw new Refused(Step.PLACE, elsewhere);
  switch (entry.kind) {
    case Kind.APPROVAL_GRANTED:
    case Kind.APPROVAL_DENIED:
      report.passed(Step.DECISION, await checkDecision(entry, state));
      decided.push(entry);
      report.passed(Step.PEOPLE, await checkDecider(entry, state));
      report.passed(Step.DISPLAY, await checkDisplayed(entry, state));
      report.passed(Step.TERMS, await checkDecisionTerms(entry, state));
      break;
    case Kind.APPROVAL_RETRACTED:
      report.passed(Step.DECISION, await checkRetraction(entry, state));
      decided.push(entry);
      report.passed(Step.PEOPLE, await checkDecider(entry, state));
      break;
    case Kind.WARRANT_MINTED:
      report.passed(Step.WARRANTS, await checkMinted(entry, state));
      report.passed(Step.TERMS, await checkMintedTerms(entry, state));
      break;
    case Kind.WARRANT_ATTENUATED:
      report.passed(Step.WARRANTS, await checkAttenuated(entry, state));
      report.passed(Step.PEOPLE, await checkSigner(entry, state));
      if (handingOn(entry, state)) decided.push(entry);
      break;
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
  const parsed = await state.warrants.parsed(presented);
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
