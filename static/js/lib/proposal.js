/**
 * Other arguments that a denial may propose, the twin of approvals/signing/proposal.py: the same names, other
 * values, each of the type it was asked with. What a field cannot hold stays as it is.
 */

import { equal } from "./bytes.js";
import { Float, decode, encode } from "./cbor.js";
import { Refusal } from "./refusal.js";
import { asTextMap } from "./shape.js";
import { viewValue } from "./values.js";
import { visible } from "./visible-text.js";
import { allows, fires } from "./warrant.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./cbor.js").Value} Value */
/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} type in words
 * @property {string | null} text what a field shows; null: it cannot be changed here
 * @property {boolean} isLong whether it needs several lines
 */

export const MAXIMUM_PROPOSAL_BYTES = 8 * 1024;
const WHOLE = /^-?\d{1,19}$/;
const DECIMAL = /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/;

/** @param {Map<string, Value>} asked @returns {Field[]} */
export function proposalFields(asked) {
  return [...asked].map(([name, value]) => {
    const items = listOf(value);
    const { type } = viewValue(value);
    if (items) return { name, type: `list, one ${viewValue(/** @type {Value} */ (items[0])).type} a line`, text: items.map(textOf).join("\n"), isLong: true };
    const text = isScalar(value) ? textOf(value) : null;
    return { name, type, text, isLong: text !== null && (text.includes("\n") || text.length > 60) };
  });
}

/**
 * The canonical bytes of what the fields say; null if that is what was asked.
 * @param {Map<string, Value>} asked @param {Map<string, string>} texts by name
 * @returns {Bytes | null}
 * @throws {Refusal} naming the argument
 */
export function propose(asked, texts) {
  const proposed = new Map([...asked].map(([name, value]) => {
    const text = texts.get(name);
    return [name, text === undefined ? value : valueOf(name, value, text)];
  }));
  const bytes = encode(proposed);
  if (equal(bytes, encode(asked))) return null;
  readProposal(bytes);
  return bytes;
}

/** @param {unknown} bytes @returns {Map<string, Value>} */
export function readProposal(bytes) {
  if (!(bytes instanceof Uint8Array) || bytes.length > MAXIMUM_PROPOSAL_BYTES) {
    throw new Refusal("proposed_arguments", `The proposed arguments are not at most ${MAXIMUM_PROPOSAL_BYTES} bytes.`);
  }
  const values = asTextMap("proposed_arguments", decode(/** @type {Bytes} */ (bytes)));
  if (![...values.values()].every(isPlain)) {
    throw new Refusal("proposed_arguments", "The proposed arguments are not plain values.");
  }
  return values;
}

/**
 * What the warrant says of a call with other arguments: nobody promises that it allows them.
 * @param {import("./warrant.js").Warrant} leaf @param {string} tool @param {Map<string, Value>} values
 * @returns {string}
 */
export function judge(leaf, tool, values) {
  const capability = leaf.capabilities.get(tool);
  if (!capability) return "The warrant does not allow this tool.";
  const { allowed, argument } = allows(capability, values);
  const name = visible(argument);
  if (allowed === false) return `The warrant does not allow ${name} to be this: the agent could not make such a call.`;
  const may = allowed === null ? `Only the worker can check ${name} against the warrant.` : "The warrant allows such a call.";
  const gate = leaf.gates.get(tool);
  const stops = gate ? fires(gate, values).fires : false;
  if (stops === null) return `${may} Whether it would ask people, only the worker can tell.`;
  return stops ? `${may} It would ask people again.` : `${may} It would run without asking anybody.`;
}

/** @param {Value} value @returns {Value[] | null} the items of a list that several lines can hold */
function listOf(value) {
  if (!Array.isArray(value) || value.length === 0) return null;
  const [first] = value;
  const isUniform = value.every((item) => isScalar(item) && item !== null && kind(item) === kind(/** @type {Value} */ (first)));
  return isUniform && !value.some((item) => typeof item === "string" && item.includes("\n")) ? value : null;
}

/** @param {Value} value @returns {string} */
function kind(value) {
  return value instanceof Float ? "float" : typeof value;
}

/** @param {Value} value @returns {boolean} whether a field can hold it: a field would change a carriage return */
function isScalar(value) {
  if (typeof value === "string") return !value.includes("\r");
  return typeof value === "boolean" || typeof value === "bigint" || value instanceof Float;
}

/** @param {Value} value @returns {string} */
function textOf(value) {
  return typeof value === "string" ? value : viewValue(value).pieces.map(({ text }) => text).join("");
}

/** @param {string} name @param {Value} asked @param {string} text @returns {Value} */
function valueOf(name, asked, text) {
  const items = listOf(asked);
  if (!items) return scalarOf(name, asked, text);
  return text.split("\n").map((line) => scalarOf(name, /** @type {Value} */ (items[0]), line));
}

/** @param {string} name @param {Value} asked @param {string} text @returns {Value} */
function scalarOf(name, asked, text) {
  const field = `proposed_arguments.${name}`;
  if (typeof asked === "string") return text;
  const word = text.trim();
  if (typeof asked === "boolean") {
    if (word === "true" || word === "false") return word === "true";
    throw new Refusal(field, `${visible(name)} must be true or false.`);
  }
  if (typeof asked === "bigint") {
    const number = WHOLE.test(word) ? BigInt(word) : null;
    if (number !== null && BigInt.asIntN(64, number) === number) return number;
    throw new Refusal(field, `${visible(name)} must be a whole number.`);
  }
  const number = DECIMAL.test(word) ? Number(word) : Number.NaN;
  if (Number.isFinite(number)) return new Float(number);
  throw new Refusal(field, `${visible(name)} must be a decimal number.`);
}

/** @param {Value} value @returns {boolean} whether JSON can carry it as it is */
function isPlain(value) {
  if (value instanceof Uint8Array) return false;
  if (Array.isArray(value)) return value.every(isPlain);
  return value instanceof Map ? [...value.values()].every(isPlain) : true;
}
