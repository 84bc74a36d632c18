/**
 * For whom an agent works, from a warrant's extension "countersign.acting"; the twin of audit/statements/acting.py.
 * What the chain's root says holds: only an issuer that is trusted wrote it.
 */

import { decode } from "./cbor.js";
import { Refusal } from "./refusal.js";
import { asText, asTextMap } from "./shape.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {{ agent: string, person: string }} Acting  `person` is an external id */

const MAXIMUM_AGENT = 64;
const MAXIMUM_PERSON = 320;

/** @param {Bytes} bytes @returns {Acting} */
export function readActing(bytes) {
  const facts = asTextMap("warrant.acting", decode(bytes));
  const agent = asText("warrant.acting", facts.get("agent"), MAXIMUM_AGENT);
  const person = asText("warrant.acting", facts.get("person"), MAXIMUM_PERSON);
  if (facts.size !== 2 || !agent || !person) {
    throw new Refusal("warrant.acting", "For whom the agent works is not said in the form it must have.");
  }
  return { agent, person };
}
