/** Step 12: what is said of how things ended. */

import { equal } from "../bytes.js";
import { CLOCK_TOLERANCE } from "./people.js";
import { Refused, Step, require } from "./steps.js";

/** @typedef {import("./case.js").Case} Case */
/** @typedef {import("./case.js").Request} Request */
/** @typedef {import("./case.js").Standing} Standing */
/** @typedef {import("./reading.js").Entry} Entry */

/** A result belongs to a request of this chain. @param {Entry} entry @param {Case} state @returns {string} */
export function checkResult(entry, state) {
  const details = entry.details.forStep(Step.OUTCOME);
  const request = requestOf(entry, state);
  const [tool, status] = [details.text("tool"), details.text("status")];
  require(tool === request.tool, Step.OUTCOME, `The result is of '${tool}', but the request was for '${request.tool}'.`);
  require(request.standing !== "denied", Step.OUTCOME, "A result is recorded of a call that a person denied.");
  if (status === "executed") state.executed.set(details.text("request_id"), entry.line);
  return `the workflow reported ${status}`;
}

/** Silence is recorded only when the time was up. @param {Entry} entry @param {Case} state @returns {string} */
export function checkExpired(entry, state) {
  const request = close(entry, state, "expired");
  const expiresAt = entry.details.forStep(Step.OUTCOME).integer("expires_at");
  require(expiresAt === request.expiresAt, Step.OUTCOME, "The request expired at another time than it said.");
  require(Math.floor(entry.atMs / 1000) >= expiresAt - CLOCK_TOLERANCE, Step.OUTCOME,
    "The request is recorded as expired before its time was up.");
  return "nobody decided in time";
}

/** @param {Entry} entry @param {Case} state @returns {string} */
export function checkWithdrawn(entry, state) {
  close(entry, state, "withdrawn");
  entry.details.forStep(Step.OUTCOME).text("reason");
  return "withdrawn in nobody's name";
}

/**
 * Who asks again asks about the same call of the same workflow. @param {Entry} entry @param {Case} state
 * @returns {string}
 */
export function checkSuperseded(entry, state) {
  const request = close(entry, state, "superseded");
  const details = entry.details.forStep(Step.OUTCOME);
  details.text("reason");
  const again = state.requests.get(details.text("by"));
  if (!again || again === request) throw new Refused(Step.OUTCOME, "The request that takes over was not opened.");
  const same = again.address.namespace === request.address.namespace && again.address.workflowId === request.address.workflowId
    && equal(again.requestHash, request.requestHash);
  require(same, Step.OUTCOME, "The request that takes over is about another call.");
  return `asked again in nobody's name, as ${details.text("by")}`;
}

/** @param {Entry} entry @param {Case} state @returns {string} */
export function checkCompleted(entry, state) {
  state.runStatus = entry.details.forStep(Step.OUTCOME).text("status");
  return `the run ${state.runStatus}`;
}

/** @param {Case} state @returns {number[]} the lines of results of calls that no receipt allowed */
export function unbackedExecutions(state) {
  return [...state.executed].flatMap(([requestId, line]) => (state.ran.has(requestId) ? [] : [line]));
}

/** @param {Entry} entry @param {Case} state @param {Standing} standing @returns {Request} */
function close(entry, state, standing) {
  // A person's denial stands, whatever the workflow reports afterwards.
  const request = requestOf(entry, state);
  if (request.standing === "open") request.standing = standing;
  return request;
}

/** @param {Entry} entry @param {Case} state @returns {Request} */
function requestOf(entry, state) {
  const request = state.requests.get(entry.details.forStep(Step.OUTCOME).text("request_id"));
  if (!request) throw new Refused(Step.OUTCOME, "The entry is about a request that was not opened before it.");
  return request;
}
