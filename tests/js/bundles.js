/** Evidence bundles made from known keys, and a log to prove them in, by the definitions of RFC 6962 word for word. */

import { createHash } from "node:crypto";

import { concat, fromText, toBase64, toHex } from "../../static/js/lib/bytes.js";
import { encode, map } from "../../static/js/lib/cbor.js";
import { sign } from "../../static/js/lib/ed25519.js";
import { signStatement, statementMessage } from "../../static/js/lib/statements.js";
import { signerFromSeed } from "./support.js";

export const FORMAT = "countersign-evidence-v2";
export const ORIGIN = "countersign.example.com/ledger/payments";
export const root = await signerFromSeed("15".repeat(32));
export const ledger = await signerFromSeed("16".repeat(32));
export const stranger = await signerFromSeed("63".repeat(32));
export const ROOT = toHex(root.publicKey);

export const sha256 = (...parts) => new Uint8Array(createHash("sha256").update(concat(...parts)).digest());
export const leafOf = (data) => sha256(Uint8Array.of(0), data);
const nodeOf = (left, right) => sha256(Uint8Array.of(1), left, right);

/** The largest power of two below n. */
function split(n) {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** RFC 6962 section 2.1: MTH(D[n]). */
export function mth(data) {
  if (data.length === 0) return sha256();
  if (data.length === 1) return leafOf(data[0]);
  const k = split(data.length);
  return nodeOf(mth(data.slice(0, k)), mth(data.slice(k)));
}

/** RFC 6962 section 2.1.1: PATH(m, D[n]). */
export function path(m, data) {
  if (data.length === 1) return [];
  const k = split(data.length);
  return m < k ? [...path(m, data.slice(0, k)), mth(data.slice(k))] : [...path(m - k, data.slice(k)), mth(data.slice(0, k))];
}

/** RFC 6962 section 2.1.2: SUBPROOF(m, D[n], b). */
export function subproof(m, data, isWhole = true) {
  if (m === data.length) return isWhole ? [] : [mth(data)];
  const k = split(data.length);
  if (m <= k) return [...subproof(m, data.slice(0, k), isWhole), mth(data.slice(k))];
  return [...subproof(m - k, data.slice(k), false), mth(data.slice(0, k))];
}

const ascii = (value) => JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

export const line = (value) => `${ascii(sorted({ ...value, format: FORMAT }))}\n`;

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

/** A note over `size` leaves of `leaves`, signed. */
export async function checkpoint(leaves, { size = leaves.length, origin = ORIGIN, signer = ledger } = {}) {
  const text = `${origin}\n${size}\n${toBase64(mth(leaves.slice(0, size)))}\n`;
  const keyId = sha256(fromText(`${origin}\n`), Uint8Array.of(1), signer.publicKey).slice(0, 4);
  return `${text}\n\u2014 ${origin} ${toBase64(concat(keyId, await sign(signer, fromText(text))))}\n`;
}

/** A chain of the service's own: each entry is [kind, details, UTC ms]. */
export async function serviceChain(name, told) {
  const entries = [];
  let previous = new Uint8Array(32);
  for (const [index, [kind, details, at]] of told.entries()) {
    const facts = {
      at: BigInt(at), attachments: new Map(), chain: name, details: map(details), kind, previous, sequence: BigInt(index + 1),
    };
    const envelope = await signStatement("countersign-entry-v1", facts, ledger);
    previous = sha256(statementMessage("countersign-entry-v1", encode(map({ ...facts, version: 1n }))));
    const reason = details.reason ? `  ${ascii(details.reason)}` : "";
    const said = [new Date(at).toISOString(), kind, details.tool, details.person].filter(Boolean).join("  ") + reason;
    entries.push({ at, chain: name, envelope, hash: previous, kind, says: said, sequence: index + 1 });
  }
  return entries;
}

export async function endorsement(signer = root) {
  return signStatement("countersign-endorsement-v1", { role: "ledger", key: ledger.publicKey, issued_at: 1n }, signer);
}

const entryLine = ({ envelope, kind, says, sequence }, more) =>
  ({ attachments: {}, entry: toBase64(envelope), kind, says, sequence, ...more });

/** Where a leaf is in the log of `leaves`. */
export async function located(leaves, position, note) {
  return { note, origin: ORIGIN, position, proof: path(position, leaves).map(toBase64) };
}

/**
 * The lines of a bundle over whole chains, as values. `before` are leaves of the log that come first, `matches` tells what was
 * searched for, `change` may change the lines before they are written.
 */
export async function bundle({ chains, about, before = [], matches = () => true, earlier = [] }) {
  const all = chains.flat();
  const leaves = [...before, ...all.map(({ hash }) => hash)];
  const note = await checkpoint(leaves);
  const lines = [{ about, line: "bundle" }];
  for (const entries of chains) {
    const last = entries.at(-1);
    lines.push(...entries.map((entry) => entryLine(entry, { line: "entry", match: matches(entry) })));
    const end = await signStatement("countersign-checkpoint-v1",
      { at: BigInt(last.at), chain: last.chain, head: last.hash, size: BigInt(last.sequence) }, ledger);
    lines.push({ end: toBase64(end), line: "end", log: await located(leaves, leaves.indexOf(last.hash), note) });
  }
  const found = all.filter(matches).sort((a, b) => a.at - b.at || (a.chain < b.chain ? -1 : 1) || a.sequence - b.sequence);
  const months = [...new Set(found.map(({ at }) => new Date(at).toISOString().slice(0, 7)))];
  const periods = months.map((period) => {
    const own = found.filter(({ at }) => new Date(at).toISOString().startsWith(period));
    return { count: own.length, period, root: toHex(mth(own.map(({ hash }) => hash))) };
  });
  lines.push({
    chains: chains.length, earlier: earlier.map(({ kept, size }) => ({ kept, note, proof: proofBetween(size, leaves) })), entries: all.length,
    line: "close", matches: found.length, periods, records: 0, root: toHex(mth(found.map(({ hash }) => hash))),
  });
  return { lines, leaves, note };
}

const proofBetween = (size, leaves) => subproof(size, leaves).map(toBase64);

/** @returns {Blob} the file of these lines */
export const fileOf = (lines) => new Blob(lines.map(line));
