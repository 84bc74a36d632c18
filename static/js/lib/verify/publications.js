/** What is said of a policy that was published: the text, and that somebody signed it who wrote none of it. */

import { equal, sha256 } from "../bytes.js";
import { parsePublication } from "../publication.js";
import { Refusal } from "../refusal.js";
import { contentOf } from "./reading.js";
import { Refused, require } from "./steps.js";

/** @typedef {import("./reading.js").Entry} Entry */

/** @param {Entry} entry @param {number} step @returns {Promise<string>} who published which version */
export async function checkPublication(entry, step) {
  const details = entry.details.forStep(step);
  const signed = await parsed(details.data("publication"), step);
  const isSame = signed.policy === details.text("policy") && signed.number === details.integer("number")
    && equal(signed.digest, details.data("digest", 32)) && equal(signed.replaces, details.data("replaces", 32))
    && signed.person === details.text("person") && equal(signed.publisherKey, details.data("key", 32));
  require(isSame, step, "The publication says something else than the entry.");
  require(!signed.authors.includes(signed.person), step, "Who published the policy is among its authors.");
  const text = contentOf(entry, "policy");
  require(text === null || equal(await sha256(text), signed.digest), step, "The policy beside the entry is not the one that was published.");
  return `${signed.policy}@${signed.number}, written by ${signed.authors.join(", ")}, published by ${signed.person}`;
}

/** @param {import("../bytes.js").Bytes} data @param {number} step */
async function parsed(data, step) {
  try {
    return await parsePublication(data);
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(step, `The publication does not verify. ${error.message}`);
    throw error;
  }
}
