/**
 * What people are told about a call beyond the call itself, the twin of approvals/signing/display.py.
 *
 *     display = canonical CBOR {"gate_message", "history", "reasoning", "threshold", "version": 1, "workflow_type"}
 *     digest  = SHA-256("countersign-display-v1" 00 || display)
 *
 * A decision carries the digest, so what it covers is what is read here, and nothing else is shown.
 */

import { concat, fromText, sha256 } from "./bytes.js";
import { decode } from "./cbor.js";
import { Refusal } from "./refusal.js";
import { asCount, asList, asText, asTextMap } from "./shape.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./cbor.js").Value} Value */
/**
 * An earlier call of the same run.
 * @typedef {object} EarlierCall
 * @property {string} tool
 * @property {string} verdict "allowed", "denied" or "gated"
 * @property {number} atMs UTC milliseconds since 1970
 * @property {string} code
 * @property {string} detail
 * @property {Map<string, Value> | null} values the arguments; null if they were left out or cannot be read
 */
/**
 * @typedef {object} Display
 * @property {string} workflowType
 * @property {number} threshold how many people must approve
 * @property {string} gateMessage
 * @property {string} reasoning the agent's own words
 * @property {EarlierCall[]} history oldest first
 */

const CONTEXT = concat(fromText("countersign-display-v1"), Uint8Array.of(0));
const FIELDS = "gate_message,history,reasoning,threshold,version,workflow_type";
const LINE_FIELDS = "arguments,at_ms,code,detail,tool,verdict";
const VERDICTS = ["allowed", "denied", "gated"];
const MAXIMUM = { workflowType: 1000, gateMessage: 2000, reasoning: 20_000, history: 100, name: 200, detail: 1000, arguments: 6 * 1024 };

/** @param {Bytes} display @returns {Promise<Bytes>} the 32 bytes that decisions carry */
export function displayDigest(display) {
  return sha256(concat(CONTEXT, display));
}

/** @param {Bytes} bytes @returns {Display} */
export function readDisplay(bytes) {
  const facts = asTextMap("display", decodeShown(bytes));
  if ([...facts.keys()].join() !== FIELDS || facts.get("version") !== 1n) {
    throw new Refusal("display", "What is shown is not of a form that is known here.");
  }
  const history = asList("history", facts.get("history"));
  if (history.length > MAXIMUM.history) throw new Refusal("history", `history is longer than ${MAXIMUM.history} calls.`);
  return {
    workflowType: asText("workflow_type", facts.get("workflow_type"), MAXIMUM.workflowType),
    threshold: asCount("threshold", facts.get("threshold")),
    gateMessage: asText("gate_message", facts.get("gate_message"), MAXIMUM.gateMessage),
    reasoning: asText("reasoning", facts.get("reasoning"), MAXIMUM.reasoning),
    history: history.map(readCall),
  };
}

/** @param {Bytes} bytes @returns {Value} */
function decodeShown(bytes) {
  try {
    return decode(bytes);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal("display", `What is shown cannot be read. ${error.message}`);
  }
}

/** @param {Value} value @returns {EarlierCall} */
function readCall(value) {
  const line = asTextMap("history", value);
  const encoded = line.get("arguments");
  const verdict = asText("history", line.get("verdict"));
  const atMs = asCount("history", line.get("at_ms"));
  const isCall = [...line.keys()].join() === LINE_FIELDS && VERDICTS.includes(verdict) && atMs < 2 ** 48;
  if (!isCall || !(encoded instanceof Uint8Array) || encoded.length > MAXIMUM.arguments) {
    throw new Refusal("history", "A line of the history is not a call with its verdict.");
  }
  return {
    tool: asText("history", line.get("tool"), MAXIMUM.name),
    verdict,
    atMs,
    code: asText("history", line.get("code"), MAXIMUM.name),
    detail: asText("history", line.get("detail"), MAXIMUM.detail),
    values: readValues(encoded),
  };
}

/** @param {Bytes} encoded @returns {Map<string, Value> | null} */
function readValues(encoded) {
  try {
    return asTextMap("history", decode(encoded));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return null;
  }
}
