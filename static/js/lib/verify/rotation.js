/** What is said of an issuer that came or went: the set of roots that workers were told to believe from then on. */

import { equal } from "../bytes.js";
import { Refusal } from "../refusal.js";
import { parseTrustedRoots } from "../trusted-roots.js";
import { Refused, require } from "./steps.js";

/** @typedef {import("./reading.js").Entry} Entry */

export const ROTATIONS = ["issuer.announced", "issuer.activated", "issuer.retired"];

/** @param {Entry} entry @param {number} step @returns {Promise<string>} what became of which issuer */
export async function checkRotation(entry, step) {
  const details = entry.details.forStep(step);
  const [signed, key] = [await parsed(details.data("roots"), step), details.data("key", 32)];
  const isBelieved = signed.roots.some((root) => equal(root, key));
  require(isBelieved === (entry.kind !== "issuer.retired"), step, "The set of trusted roots says something else than the entry.");
  require(entry.kind !== "issuer.activated" || equal(signed.signerKey, key), step,
    "The issuer that was activated did not sign the set of trusted roots.");
  return `${details.text("issuer")}: set ${signed.number} of the trusted roots, with ${signed.roots.length}`;
}

/** @param {import("../bytes.js").Bytes} data @param {number} step */
async function parsed(data, step) {
  try {
    return await parseTrustedRoots(data);
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(step, `The set of trusted roots does not verify. ${error.message}`);
    throw error;
  }
}
