/**
 * Step 1: from bytes to lines. Nothing read here is trusted yet.
 *
 *     bundle line  {"about", "format", "line"}
 *     entry line   {"attachments": {name: {"content", "salt"} | null}, "entry", "format", "kind", "line", "match", "says", "sequence"}
 *     end line     {"end", "format", "line", "log"}
 *     record line  {"attachments", "entry", "format", "kind", "line", "log", "says", "sequence"}
 *     close line   {"chains", "earlier", "entries", "format", "line", "matches", "periods", "records", "root"}
 *     log          {"note", "origin", "position", "proof"}
 *
 * JSON in one form only: keys sorted, no spaces, ASCII, one newline. Bytes are base64.
 */

import { compare, concat, fromHex, sha256, toText } from "../bytes.js";
import { Refusal } from "../refusal.js";
import { parseEnvelope, statementMessage, verifyEnvelope } from "../statements.js";
import { Fields } from "./fields.js";
import { leafHash } from "./merkle.js";
import { inAscii, says } from "./says.js";
import { Refused, Step, require } from "./steps.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../statements.js").Envelope} Envelope */
/** @typedef {{ salt: Bytes, content: Bytes, digest: Bytes } | null} Attachment null where it was erased */
/**
 * @typedef {object} Entry
 * @property {number} line
 * @property {Envelope} envelope
 * @property {boolean} isSigned by the key it names
 * @property {Fields} facts
 * @property {Fields} details
 * @property {string} kind
 * @property {number} sequence
 * @property {number} atMs
 * @property {Map<string, Attachment>} salted
 * @property {string} chain
 * @property {Bytes} hash by which the next entry names this one
 * @property {string} says
 */
/** @typedef {{ note: string, origin: string, position: bigint, proof: Bytes[] }} Log where an entry is in its log */
/** @typedef {{ kept: string, note: string, proof: Bytes[] }} Earlier */
/** @typedef {{ count: number, period: string, root: Bytes }} Period a month of UTC, such as "2026-11" */
/** @typedef {{ chain: string, search: Map<string, string> | null, endorsements: Bytes[] | null }} About `chain` is empty for a search */
/** @typedef {{ type: "bundle", line: number, about: About }} BundleLine */
/** @typedef {{ type: "entry", line: number, entry: Entry, isMatch: boolean, leaf: Bytes }} EntryLine `leaf`: its leaf hash, in a tree */
/** @typedef {{ type: "end", line: number, envelope: Envelope, isSigned: boolean, facts: Fields, log: Log }} EndLine */
/** @typedef {{ type: "record", line: number, entry: Entry, log: Log }} RecordLine */
/**
 * @typedef {object} CloseLine
 * @property {"close"} type
 * @property {number} line
 * @property {number} chains
 * @property {number} entries
 * @property {number} matches
 * @property {number} records
 * @property {Earlier[]} earlier
 * @property {Period[]} periods
 * @property {Bytes} root
 */
/** @typedef {BundleLine | EntryLine | EndLine | RecordLine | CloseLine} Line */
/** @typedef {Record<string, unknown>} Json an object */

export const FORMAT = "countersign-evidence-v2";
const ENTRY = "countersign-entry-v1";
const CHECKPOINT = "countersign-checkpoint-v1";
const ENTRY_FACTS = "at,attachments,chain,details,kind,previous,sequence,version";
const CHECKPOINT_FACTS = "at,chain,head,size,version";
const BEYOND = /[\ud800-\uffff]/;
const NO_BASE64 = /[^A-Za-z0-9+/]/;
const BASE64_END = /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
// The last digit before the padding has bits that count for nothing: they must be zero.
const LOOSE_END = /[^AQgw]==$|[^AEIMQUYcgkosw048=]=$/;

/** @type {Map<string, { fields: string, read: (line: number, value: Json) => Line | Promise<Line> }>} */
const READERS = new Map([
  ["bundle", { fields: "about,format,line", read: readBundle }],
  ["entry", { fields: "attachments,entry,format,kind,line,match,says,sequence", read: readEntryLine }],
  ["end", { fields: "end,format,line,log", read: readEnd }],
  ["record", { fields: "attachments,entry,format,kind,line,log,says,sequence", read: readRecord }],
  ["close", { fields: "chains,earlier,entries,format,line,matches,periods,records,root", read: readClose }],
]);

/** @param {number} line from 1 @param {Bytes} data with its newline @returns {Promise<Line>} */
export async function readLine(line, data) {
  const written = readText(data);
  const value = readJson(written);
  const reader = typeof value.line === "string" ? READERS.get(value.line) : undefined;
  require(reader !== undefined && value.format === FORMAT && hasFields(value, reader.fields), Step.FORM,
    `The line does not have the fields of a line of ${FORMAT}.`);
  require(`${jsonLine(value)}\n` === written, Step.FORM, "The line is JSON, but not in the one form that it may have.");
  return reader.read(line, value);
}

/** @param {number} line @param {Json} value @returns {BundleLine} */
function readBundle(line, value) {
  const { endorsements: endorsed, ...about } = object(value.about);
  const isChain = hasFields(about, "chain,kind") && about.kind === "chain";
  const isSearch = hasFields(about, "kind,search") && about.kind === "search";
  require(isChain || isSearch, Step.FORM, "The first line does not say what the file is about.");
  const endorsements = endorsed === undefined ? null : listOf(endorsed, readBase64);
  const search = isSearch ? new Map(Object.entries(object(about.search)).map(([name, said]) => [name, text(said)])) : null;
  return { type: "bundle", line, about: { chain: search ? "" : text(about.chain), search, endorsements } };
}

/** @param {number} line @param {Json} value @returns {Promise<EntryLine>} */
async function readEntryLine(line, value) {
  require(typeof value.match === "boolean", Step.FORM, "The line does not say whether the entry was searched for.");
  const entry = await readEntry(line, value);
  return { type: "entry", line, entry, isMatch: value.match, leaf: await leafHash(entry.hash) };
}

/** @param {number} line @param {Json} value @returns {Promise<RecordLine>} */
async function readRecord(line, value) {
  return { type: "record", line, log: readLog(value.log), entry: await readEntry(line, value) };
}

/** @param {number} line @param {Json} value @returns {Promise<Entry>} */
async function readEntry(line, value) {
  const envelope = readEnvelope(value.entry);
  require([...envelope.facts.keys()].join() === ENTRY_FACTS, Step.FORM, "The entry does not have the fields of an entry.");
  const facts = new Fields(envelope.facts, Step.FORM);
  const details = new Fields(facts.mapping("details"), Step.FORM);
  const [kind, sequence, atMs, chain] = [facts.text("kind"), facts.integer("sequence"), facts.integer("at"), facts.text("chain")];
  require(value.kind === kind && value.sequence === sequence, Step.FORM, "The line's kind or number is not the one that its entry says.");
  require(value.says === says(kind, atMs, details.values), Step.FORM, "The line says something else than its entry.");
  const [hash, isSigned, salted] = await Promise.all([
    sha256(statementMessage(ENTRY, envelope.statement)), verifyEnvelope(ENTRY, envelope), readAttachments(value.attachments),
  ]);
  return { line, envelope, facts, details, kind, sequence, atMs, chain, hash, isSigned, salted, says: value.says };
}

/** @param {number} line @param {Json} value @returns {Promise<EndLine>} */
async function readEnd(line, value) {
  const envelope = readEnvelope(value.end);
  require([...envelope.facts.keys()].join() === CHECKPOINT_FACTS, Step.FORM, "The end of the chain does not have the fields that it must have.");
  const isSigned = await verifyEnvelope(CHECKPOINT, envelope);
  return { type: "end", line, envelope, isSigned, facts: new Fields(envelope.facts, Step.FORM), log: readLog(value.log) };
}

/** @param {number} line @param {Json} value @returns {CloseLine} */
function readClose(line, value) {
  return {
    type: "close", line,
    chains: count(value.chains), entries: count(value.entries), matches: count(value.matches), records: count(value.records),
    earlier: listOf(value.earlier, readEarlier), periods: listOf(value.periods, readPeriod), root: readHex(value.root),
  };
}

/** @param {unknown} value @returns {Earlier} */
function readEarlier(value) {
  const parts = object(value);
  require(hasFields(parts, "kept,note,proof"), Step.FORM, "A proof from a checkpoint does not have the fields that it must have.");
  return { kept: text(parts.kept), note: text(parts.note), proof: listOf(parts.proof, readBase64) };
}

/** @param {unknown} value @returns {Period} */
function readPeriod(value) {
  const parts = object(value);
  require(hasFields(parts, "count,period,root"), Step.FORM, "A period does not have the fields that it must have.");
  return { count: count(parts.count), period: text(parts.period), root: readHex(parts.root) };
}

/** @param {unknown} value @returns {Log} */
function readLog(value) {
  const parts = object(value);
  require(hasFields(parts, "note,origin,position,proof"), Step.FORM, "The place in a log does not have the fields that it must have.");
  return {
    note: text(parts.note), origin: text(parts.origin), position: BigInt(count(parts.position)), proof: listOf(parts.proof, readBase64),
  };
}

/** @param {unknown} value @returns {Promise<Map<string, Attachment>>} */
async function readAttachments(value) {
  const pairs = Object.entries(object(value)).map(async ([name, stored]) => {
    if (stored === null) return /** @type {[string, Attachment]} */ ([name, null]);
    const parts = object(stored);
    require(hasFields(parts, "content,salt"), Step.FORM, `The attachment '${name}' does not have its two parts.`);
    const [salt, content] = [readBase64(parts.salt), readBase64(parts.content)];
    return /** @type {[string, Attachment]} */ ([name, { salt, content, digest: await sha256(concat(salt, content)) }]);
  });
  return new Map(await Promise.all(pairs));
}

/** @param {Bytes} data @returns {string} */
function readText(data) {
  try {
    return toText(data);
  } catch {
    throw new Refused(Step.FORM, "The line is not JSON.");
  }
}

/** @param {string} written @returns {Json} */
function readJson(written) {
  let value;
  try {
    value = JSON.parse(written);
  } catch {
    throw new Refused(Step.FORM, "The line is not JSON.");
  }
  return isObject(value) ? value : {};
}

/** @param {unknown} value @returns {value is Json} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {unknown} value @returns {Json} */
function object(value) {
  require(isObject(value), Step.FORM, "Something that must have named parts has none.");
  return value;
}

/** @param {unknown} value @returns {string} */
function text(value) {
  require(typeof value === "string", Step.FORM, "A value that must be text is not.");
  return value;
}

/** @param {unknown} value @returns {number} */
function count(value) {
  require(Number.isSafeInteger(value) && Number(value) >= 0, Step.FORM, "A value that must be a whole number from 0 is not.");
  return Number(value);
}

/** @template T @param {unknown} value @param {(item: unknown) => T} read @returns {T[]} */
function listOf(value, read) {
  require(Array.isArray(value), Step.FORM, "A value that must be a list is not.");
  return value.map((item) => read(item));
}

/** @param {Json} value @param {string} fields sorted @returns {boolean} */
function hasFields(value, fields) {
  return Object.keys(value).sort().join() === fields;
}

/** @param {string} a @param {string} b @returns {number} the order of Python: by code point */
export function byCodePoints(a, b) {
  // Below the surrogates the order of JavaScript's own units is the same.
  if (BEYOND.test(a) || BEYOND.test(b)) return compare(codePoints(a), codePoints(b));
  return a < b ? -1 : Number(a > b);
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
    const members = /** @type {Json} */ (value);
    return `{${Object.keys(members).sort(byCodePoints).map((key) => `${inAscii(key)}:${jsonLine(members[key])}`).join(",")}}`;
  }
  return inAscii(value);
}

/** @param {unknown} value base64 @returns {Envelope} */
function readEnvelope(value) {
  try {
    return parseEnvelope(readBase64(value));
  } catch (error) {
    if (error instanceof Refusal) throw new Refused(Step.FORM, `The signed statement cannot be read. ${error.message}`);
    throw error;
  }
}

/** @param {unknown} value @returns {Bytes} */
function readBase64(value) {
  require(typeof value === "string", Step.FORM, "A value that must be base64 is not text.");
  const encoded = value;
  const isWhole = encoded.length % 4 === 0 && !NO_BASE64.test(encoded.slice(0, -4)) && BASE64_END.test(encoded.slice(-4));
  require(isWhole, Step.FORM, "A value that must be base64 is not.");
  require(!LOOSE_END.test(encoded.slice(-4)), Step.FORM, "A base64 value is not in its only form.");
  const raw = atob(encoded);
  const data = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at++) data[at] = raw.charCodeAt(at);
  return data;
}

/** @param {unknown} value @returns {Bytes} 32 of them, in lower-case hexadecimal */
function readHex(value) {
  require(typeof value === "string" && /^[0-9a-f]{64}$/.test(value), Step.FORM, "A root is not 64 hexadecimal digits.");
  return fromHex(value);
}

/** @param {Entry} entry @param {string} name @returns {Bytes | null} null if it was erased or never there */
export function contentOf(entry, name) {
  return entry.salted.get(name)?.content ?? null;
}
