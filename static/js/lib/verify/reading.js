/**
 * Step 1: from bytes to lines. Nothing read here is trusted yet.
 *
 *     entry line      {"attachments": {name: {"content", "salt"} | null}, "entry", "format", "kind", "sequence"}
 *     checkpoint line {"checkpoint", "format"}
 *
 * JSON in one form only: keys sorted, no spaces, ASCII, one newline. Bytes are base64.
 */

import { compare, concat, equal, fromBase64, fromText, sha256, toBase64, toText } from "../bytes.js";
import { Refusal } from "../refusal.js";
import { parseEnvelope, statementMessage } from "../statements.js";
import { Fields } from "./fields.js";
import { Refused, Step, UnusableInput, require } from "./steps.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../statements.js").Envelope} Envelope */
/** @typedef {{ salt: Bytes, content: Bytes } | null} Attachment null where it was erased */
/**
 * @typedef {object} Entry
 * @property {"entry"} type
 * @property {number} line
 * @property {Envelope} envelope
 * @property {Fields} facts
 * @property {Fields} details
 * @property {string} kind
 * @property {number} sequence
 * @property {number} atMs
 * @property {Map<string, Attachment>} salted
 * @property {Bytes} hash by which the next entry names this one
 */
/** @typedef {{ type: "checkpoint", line: number, envelope: Envelope, facts: Fields }} Checkpoint */

export const FORMAT = "countersign-evidence-v1";
export const ENTRY = "countersign-entry-v1";
export const CHECKPOINT = "countersign-checkpoint-v1";
const ENTRY_FACTS = "at,attachments,chain,details,kind,previous,sequence,version";
const CHECKPOINT_FACTS = "at,chain,head,size,version";
const ENTRY_LINE = "attachments,entry,format,kind,sequence";
const CHECKPOINT_LINE = "checkpoint,format";
const NEWLINE = 10;
const CHECKPOINT_START = fromText('{"checkpoint":');

/** @param {Bytes} data @returns {Bytes[]} the lines of a file, newlines included */
export function split(data) {
  if (data.length === 0) throw new UnusableInput("The file is empty. Give a file that was written by export_receipts.");
  /** @type {Bytes[]} */
  const lines = [];
  for (let start = 0; start < data.length;) {
    const newline = data.indexOf(NEWLINE, start);
    const end = newline < 0 ? data.length : newline + 1;
    lines.push(data.slice(start, end));
    start = end;
  }
  if (!lines.some((line) => includes(line, fromText(FORMAT)))) {
    throw new UnusableInput(`The file is not in the form ${FORMAT}. Give a file that was written by export_receipts.`);
  }
  return lines;
}

/** @param {Bytes} line @param {Bytes} part @returns {boolean} */
function includes(line, part) {
  for (let at = line.indexOf(Number(part[0])); at >= 0; at = line.indexOf(Number(part[0]), at + 1)) {
    if (equal(line.subarray(at, at + part.length), part)) return true;
  }
  return false;
}

/** @param {Bytes} data @returns {boolean} whether a line looks like a checkpoint's; says nothing of its truth */
export function isCheckpoint(data) {
  return equal(data.subarray(0, CHECKPOINT_START.length), CHECKPOINT_START);
}

/** @param {number} line @param {Bytes} data @returns {Promise<Entry>} */
export async function readEntry(line, data) {
  const value = readJson(data, ENTRY_LINE);
  const envelope = readEnvelope(value.entry);
  require([...envelope.facts.keys()].join() === ENTRY_FACTS, Step.FORM, "The entry does not have the fields of an entry.");
  const facts = new Fields(envelope.facts, Step.FORM);
  /** @type {Entry} */
  const entry = {
    type: "entry", line, envelope, facts,
    details: new Fields(facts.mapping("details"), Step.FORM),
    kind: facts.text("kind"),
    sequence: facts.integer("sequence"),
    atMs: facts.integer("at"),
    salted: readAttachments(value.attachments),
    hash: await sha256(statementMessage(ENTRY, envelope.statement)),
  };
  require(value.kind === entry.kind && value.sequence === entry.sequence, Step.FORM,
    "The line's kind or number is not the one that its entry says.");
  return entry;
}

/** @param {number} line @param {Bytes} data @returns {Checkpoint} */
export function readCheckpoint(line, data) {
  const envelope = readEnvelope(readJson(data, CHECKPOINT_LINE).checkpoint);
  require([...envelope.facts.keys()].join() === CHECKPOINT_FACTS, Step.FORM,
    "The checkpoint does not have the fields of a checkpoint.");
  return { type: "checkpoint", line, envelope, facts: new Fields(envelope.facts, Step.FORM) };
}

/** @param {Bytes} data @param {string} fields @returns {Record<string, unknown>} */
function readJson(data, fields) {
  let value;
  try {
    value = JSON.parse(toText(data));
  } catch {
    throw new Refused(Step.FORM, "The line is not JSON.");
  }
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  require(isObject && sortedKeys(value).join() === fields && value.format === FORMAT, Step.FORM,
    `The line does not have the fields of a line of ${FORMAT}.`);
  require(equal(fromText(`${jsonLine(value)}\n`), data), Step.FORM, "The line is JSON, but not in the one form that it may have.");
  return value;
}

/** @param {object} value @returns {string[]} sorted as Python sorts them, by code point */
function sortedKeys(value) {
  return Object.keys(value).sort((a, b) => compare(codePoints(a), codePoints(b)));
}

/** @param {string} text @returns {Uint8Array} 4 bytes for each code point, halves of characters included */
function codePoints(text) {
  return concat(...[...text].map((character) => {
    const code = Number(character.codePointAt(0));
    return Uint8Array.of(0, code >> 16, (code >> 8) & 255, code & 255);
  }));
}

/** @param {unknown} value @returns {string} in the only form that a line may have */
function jsonLine(value) {
  if (Array.isArray(value)) return `[${value.map(jsonLine).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const members = /** @type {Record<string, unknown>} */ (value);
    return `{${sortedKeys(value).map((key) => `${jsonLine(key)}:${jsonLine(members[key])}`).join(",")}}`;
  }
  return JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** @param {unknown} text @returns {Envelope} */
function readEnvelope(text) {
  try {
    return parseEnvelope(readBase64(text));
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(Step.FORM, `The signed statement cannot be read. ${error.message}`);
    throw error;
  }
}

/** @param {unknown} value @returns {Map<string, Attachment>} */
function readAttachments(value) {
  require(typeof value === "object" && value !== null && !Array.isArray(value), Step.FORM, "The attachments are not named.");
  return new Map(Object.entries(value).map(([name, stored]) => {
    if (stored === null) return [name, null];
    require(typeof stored === "object" && sortedKeys(stored).join() === "content,salt", Step.FORM,
      `The attachment '${name}' does not have its two parts.`);
    return [name, { salt: readBase64(stored.salt), content: readBase64(stored.content) }];
  }));
}

/** @param {unknown} text @returns {Bytes} */
function readBase64(text) {
  require(typeof text === "string", Step.FORM, "A value that must be base64 is not text.");
  let data;
  try {
    data = fromBase64(text);
  } catch {
    throw new Refused(Step.FORM, "A value that must be base64 is not.");
  }
  require(toBase64(data) === text, Step.FORM, "A base64 value is not in its only form.");
  return data;
}

/** @param {Entry} entry @param {string} name @returns {Bytes | null} null if it was erased or never there */
export function contentOf(entry, name) {
  return entry.salted.get(name)?.content ?? null;
}
