/**
 * Signed notes and checkpoints of transparency logs (C2SP signed-note v1, tlog-checkpoint), signed with Ed25519.
 *
 *     note            = text, which ends with a newline || newline || signature lines
 *     signature line  = "— " name " " base64(key id || signature) newline        the dash is U+2014
 *     signature       = pure Ed25519 over the text, its last newline included
 *     key id          = first 4 bytes of SHA-256(name || 0A || 01 || public key)
 *     checkpoint text = origin newline size newline base64(root) newline, then any further lines that are not empty
 */

import { concat, equal, fromBase64, fromHex, fromText, sha256, toBase64 } from "../bytes.js";
import { verify } from "../ed25519.js";
import { Refusal } from "../refusal.js";
import { HASH_BYTES } from "./merkle.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {{ name: string, keyId: Bytes, signature: Bytes }} Signature */
/** @typedef {{ text: string, signatures: Signature[] }} Note as it was read: nothing says yet that it is signed */
/** @typedef {{ origin: string, size: bigint, root: Bytes }} Checkpoint what a log says it holds */

export const MAXIMUM_BYTES = 128 * 1024;
const MAXIMUM_SIGNATURES = 64;
const KEY_ID_BYTES = 4;
const DASH = "\u2014 ";
const NEWLINE_AND_ED25519 = Uint8Array.of(10, 1);
// What Unicode calls a space; JavaScript counts U+FEFF too, and U+0085 not.
const SPACE_OR_PLUS = /[^\S\ufeff]|[\x85+]/;

/** @param {string} text @returns {Note} */
export function parseNote(text) {
  if (!text.isWellFormed()) throw new Refusal("note", "The note is not text.");
  if (fromText(text).length > MAXIMUM_BYTES) throw new Refusal("note", `The note is longer than ${MAXIMUM_BYTES} bytes.`);
  if (/[\x00-\x09\x0b-\x1f]/.test(text)) throw new Refusal("note", "The note has a control character other than the newline.");
  const blank = text.lastIndexOf("\n\n");
  if (blank < 1) throw new Refusal("note", "The note has no blank line between its text and its signatures.");
  const signatures = text.slice(blank + 2);
  if (!signatures.endsWith("\n")) throw new Refusal("signature", "The note does not end with a signature line.");
  const lines = signatures.slice(0, -1).split("\n");
  if (lines.length > MAXIMUM_SIGNATURES) throw new Refusal("signature", `The note has more than ${MAXIMUM_SIGNATURES} signatures.`);
  return { text: text.slice(0, blank + 1), signatures: lines.map(readSignature) };
}

/** @param {string} line @returns {Signature} */
function readSignature(line) {
  const [name, encoded, ...rest] = line.slice(DASH.length).split(" ");
  if (!line.startsWith(DASH) || encoded === undefined || rest.length > 0) {
    throw new Refusal("signature", "A signature line is not a dash, a name and a signature.");
  }
  if (!name || SPACE_OR_PLUS.test(name)) throw new Refusal("name", "The name of a key is empty, or has a space or a plus sign.");
  const data = inOneForm("signature", encoded);
  if (data.length <= KEY_ID_BYTES) throw new Refusal("signature", "A signature line holds no signature.");
  return { name, keyId: data.slice(0, KEY_ID_BYTES), signature: data.slice(KEY_ID_BYTES) };
}

/** @param {string} field @param {string} text @returns {Bytes} */
function inOneForm(field, text) {
  const data = fromBase64(text, field);
  // Bits that count for nothing are zero.
  if (toBase64(data) !== text) throw new Refusal(field, `The ${field} is not in base64's one proper form.`);
  return data;
}

/** @param {string} text of a note @returns {Checkpoint} that it is; its signatures are not looked at */
export function checkpointIn(text) {
  const lines = text.endsWith("\n") ? text.slice(0, -1).split("\n") : [];
  const [origin, size, root] = lines;
  if (!origin || size === undefined || root === undefined || lines.includes("")) {
    throw new Refusal("checkpoint", "A checkpoint has three lines or more, none of them empty.");
  }
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(size) || BigInt(size) >= 1n << 63n) {
    throw new Refusal("size", "The second line of a checkpoint is not a number of leaves.");
  }
  const hash = inOneForm("root", root);
  if (hash.length !== HASH_BYTES) throw new Refusal("root", `The root is not ${HASH_BYTES} bytes long.`);
  return { origin, size: BigInt(size), root: hash };
}

/**
 * @param {string} text a note @param {Iterable<string>} keys of ledgers, in hexadecimal
 * @returns {Promise<Checkpoint>} that one of them signed, in the log's own name
 */
export async function openCheckpoint(text, keys) {
  const note = parseNote(text);
  const checkpoint = checkpointIn(note.text);
  const signed = fromText(note.text);
  for (const hex of keys) {
    const key = fromHex(hex);
    const id = await keyId(checkpoint.origin, key);
    const own = note.signatures.filter(({ name, keyId: other }) => name === checkpoint.origin && equal(other, id));
    if (own.length === 0) continue;
    const verified = await Promise.all(own.map(({ signature }) => verify(key, signature, signed)));
    if (verified.every(Boolean)) return checkpoint;
  }
  throw new Refusal("signature", "The checkpoint is not signed with a ledger key that a trusted root endorsed.");
}

/** @param {string} name @param {Bytes} key @returns {Promise<Bytes>} what tells the keys of one name apart */
export async function keyId(name, key) {
  return (await sha256(concat(fromText(name), NEWLINE_AND_ED25519, key))).slice(0, KEY_ID_BYTES);
}
