/**
 * Publications of policies, the twin of audit/statements/publications.py: a second person signs which text takes the
 * place of which.
 */

import { fromText, toHex } from "./bytes.js";
import { Refusal } from "./refusal.js";
import { asBytes, asCount, asText, isBlank } from "./shape.js";
import { Context, parseEnvelope, signStatement, verifyEnvelope } from "./statements.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/**
 * @typedef {object} Publication
 * @property {number} at UTC milliseconds since 1970
 * @property {string[]} authors external ids of all who wrote in it
 * @property {Bytes} digest 32 bytes, SHA-256 of the version's text
 * @property {number} number the version
 * @property {string} person external id of the publisher
 * @property {string} policy its name
 * @property {Bytes} replaces 32 bytes, SHA-256 of the text whose place it takes; zeros for a policy that is new
 */

const FIELDS = ["at", "authors", "digest", "number", "person", "policy", "replaces", "version"];
const MAXIMUM_PERSON = 320;
const MAXIMUM_NAME = 64;
const MAXIMUM_AUTHORS = 100;

/** @param {string} text @returns {Promise<Bytes>} 32 bytes; zeros for no text */
export async function textDigest(text) {
  if (text === "") return new Uint8Array(32);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", fromText(text)));
}

/** @param {Publication} terms @param {import("./ed25519.js").Signer} signer @returns {Promise<Bytes>} the envelope */
export async function signPublication(terms, signer) {
  const facts = { ...terms, at: BigInt(terms.at), number: BigInt(terms.number) };
  return signStatement(Context.POLICY_PUBLICATION, facts, signer);
}

/** @param {Bytes} bytes @returns {Promise<Publication & { publisherKey: Bytes }>} its signature is verified */
export async function parsePublication(bytes) {
  const envelope = parseEnvelope(bytes);
  const { facts } = envelope;
  if ([...facts.keys()].join() !== FIELDS.join()) {
    throw new Refusal("statement", "The publication does not have the fields it must have.");
  }
  const authors = facts.get("authors");
  if (!Array.isArray(authors) || authors.length === 0 || authors.length > MAXIMUM_AUTHORS) {
    throw new Refusal("authors", `A policy's authors are 1 to ${MAXIMUM_AUTHORS} people, each named once.`);
  }
  const publication = {
    at: asCount("at", facts.get("at")),
    authors: authors.map((author) => asText("authors", author, MAXIMUM_PERSON)),
    digest: asBytes("digest", facts.get("digest"), 32),
    number: asCount("number", facts.get("number")),
    person: asText("person", facts.get("person"), MAXIMUM_PERSON),
    policy: asText("policy", facts.get("policy"), MAXIMUM_NAME),
    replaces: asBytes("replaces", facts.get("replaces"), 32),
    publisherKey: envelope.signerKey,
  };
  if (new Set(publication.authors).size !== publication.authors.length) {
    throw new Refusal("authors", `A policy's authors are 1 to ${MAXIMUM_AUTHORS} people, each named once.`);
  }
  if (isBlank(publication.person)) throw new Refusal("person", "The publication names nobody.");
  if (!(await verifyEnvelope(Context.POLICY_PUBLICATION, envelope))) {
    throw new Refusal("signature", "The signature does not belong to this statement and key.");
  }
  return publication;
}

/** @param {Publication} one @param {Publication} other @returns {boolean} whether both say the same */
export function isSamePublication(one, other) {
  const said = (/** @type {Publication} */ { at, authors, digest, number, person, policy, replaces }) =>
    JSON.stringify([at, authors, toHex(digest), number, person, policy, toHex(replaces)]);
  return said(one) === said(other);
}
