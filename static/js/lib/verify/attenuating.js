/**
 * Steps 6 and 14 for a warrant that was handed on. What it lost: twin of audit/statements/attenuating.py.
 */

import { compare, equal, fromText, toHex } from "../bytes.js";
import { decodeLoosely, encode } from "../cbor.js";
import { asMap, asTextMap } from "../shape.js";
import { checkPeople } from "./people.js";
import { Step, require } from "./steps.js";

/** @typedef {import("../cbor.js").Value} Value */
/** @typedef {import("./case.js").Case} Case */
/** @typedef {import("./reading.js").Entry} Entry */
/** @typedef {import("./warrants.js").Warrant} Warrant */

const TOOLS = 3;

/** @param {Entry} entry @param {Case} state @returns {Promise<string>} */
export async function checkAttenuated(entry, state) {
  const details = entry.details.forStep(Step.WARRANTS);
  const { warrants } = await state.warrants.verified(details.listOfData("warrant_chain"));
  const [parent, child] = warrants.slice(-2);
  if (!parent || !child) return require(false, Step.WARRANTS, "The entry names no parent of the warrant."), "";
  const [had, has] = [toolsOf(parent), toolsOf(child)];
  const kept = [...had.keys()].filter((name) => has.has(name));
  /** @type {[string, Value][]} */
  const expected = [
    ["parent", parent.id],
    ["warrant", child.id],
    ["holder", child.holder],
    ["tools_removed", byCodePoint([...had.keys()].filter((name) => !has.has(name)))],
    ["tools_narrowed", byCodePoint(kept.filter((name) => !equal(had.get(name) ?? NONE, has.get(name) ?? NONE)))],
    ["expires_at", BigInt(child.expiresAt)],
    ["ends_earlier_seconds", BigInt(parent.expiresAt) - BigInt(child.expiresAt)],
  ];
  for (const [name, value] of expected) {
    const said = details.values.get(name);
    const same = said !== undefined && equal(encode(said), encode(value));
    require(same, Step.WARRANTS, `The entry says of the warrant's ${name.replaceAll("_", " ")} what it does not.`);
  }
  const by = handingOn(entry, state);
  if (by) {
    require(equal(details.data("key", 32), by.key), Step.WARRANTS, "The entry names another key than the one that signed.");
    require(details.text("person") === by.person, Step.WARRANTS,
      "The entry names another person than the one who hands the warrant on.");
    require(equal(child.holder, by.agent), Step.WARRANTS, "The warrant was handed on to another key than its agent's.");
    return `handed on by ${by.person} to its agent, and verifies from ${parent.id}`;
  }
  return `handed on by ${parent.id} to ${toHex(child.holder).slice(0, 8)}…, and verifies from it`;
}

/** Step 14 of a warrant that a person handed on. @param {Entry} entry @param {Case} state @returns {Promise<string>} */
export async function checkSigner(entry, state) {
  const by = handingOn(entry, state);
  return by ? checkPeople([by], entry, state, entry.atMs, 1) : "";
}

/**
 * Who handed the warrant of the entry on, if it is the incident's own and a person's to hand on.
 * @param {Entry} entry @param {Case} state @returns {Case["handingOn"]}
 */
export function handingOn(entry, state) {
  const chain = entry.details.forStep(Step.WARRANTS).listOfData("warrant_chain");
  return chain.length === 2 ? state.handingOn : null;
}

const NONE = new Uint8Array();

/** @param {Warrant} warrant @returns {Map<string, Uint8Array<ArrayBuffer>>} what it says of each tool, in canonical bytes */
function toolsOf(warrant) {
  const tools = asTextMap("warrant", asMap("warrant", decodeLoosely(warrant.payload)).get(TOOLS) ?? new Map());
  return new Map([...tools].map(([name, capability]) => [name, encode(capability)]));
}

/** @param {string[]} names @returns {string[]} sorted as Python sorts text */
function byCodePoint(names) {
  return names.sort((one, other) => compare(fromText(one), fromText(other)));
}
