/** Bundles of the service's own chains, made from known keys: their logs, earlier checkpoints, population and records. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { toBase64, toHex } from "../../static/js/lib/bytes.js";
import { signEndorsement } from "../../static/js/lib/key-endorsements.js";
import { signStatement } from "../../static/js/lib/statements.js";
import { says } from "../../static/js/lib/verify/says.js";
import { UnusableInput } from "../../static/js/lib/verify/steps.js";
import { verifyEvidence } from "../../static/js/lib/verify/verifier.js";
import {
  bundle, checkpoint, endorsement, fileOf, ledger, line, located, ORIGIN, ROOT, serviceChain, sha256, stranger, subproof,
} from "./bundles.js";
import { signerFromSeed } from "./support.js";

const NOVEMBER = Date.UTC(2026, 10, 30, 23, 59, 59, 999);
const LEAVES = Array.from({ length: 9 }, (_, index) => sha256(Uint8Array.of(index)));
const PAYLOADS = "payloads.0123";
const ENDORSEMENTS = [toBase64(await endorsement())];
const ABOUT = { chain: PAYLOADS, endorsements: ENDORSEMENTS, kind: "chain" };
const SEARCH = { endorsements: ENDORSEMENTS, kind: "search", search: { person: "local:maria" } };

const payloads = (name = PAYLOADS) => serviceChain(name, [
  ["payload.decoded", { person: "local:maria", reason: "an audit – in ünïcode \"quoted\"\u007f" }, NOVEMBER],
  ["payload.decoded", { person: "local:maria", tool: "read_logs", reason: "" }, NOVEMBER + 1],
  ["retention.applied", { policy: "seven years" }, NOVEMBER + 2],
]);
const verified = (lines, given = {}) => verifyEvidence(fileOf(lines), { roots: [ROOT], ...given });
const failuresOf = ({ failures }) => failures.map(({ line: number, failure }) => [number, failure.step]);

async function requireFailure(lines, number, step, given) {
  const report = await verified(lines, given);
  assert.deepEqual(failuresOf(report), [[number, step]], JSON.stringify(report.failures.map(({ failure }) => failure)));
  assert.equal(report.verified, false);
  return report.failures[0].failure.sentence;
}

test("a whole chain verifies, with its months and roots", async () => {
  const { lines } = await bundle({ chains: [await payloads()], about: ABOUT, before: LEAVES });
  const report = await verified(lines);
  assert.equal(report.summary, "VERIFIED: 6 lines (2 payload.decoded, 1 retention.applied); 1 chain.");
  assert.deepEqual(report.population.totals.periods.map(({ period, count }) => [period, count]), [["2026-11", 1], ["2026-12", 2]]);
  assert.equal(report.lines[1].says,
    "2026-11-30T23:59:59.999Z  payload.decoded  local:maria  \"an audit \\u2013 in \\u00fcn\\u00efcode \\\"quoted\\\"\\u007f\"");
  assert.equal(report.lines[2].says, "2026-12-01T00:00:00.000Z  payload.decoded  read_logs  local:maria");
  assert.deepEqual(report.logs.map(({ origin, size }) => [origin, size]), [[ORIGIN, 12n]]);
});

test("a search holds whole chains in the order of their names, and counts what it found", async () => {
  const chains = [await payloads("exports.1"), await payloads("payloads.1"), await payloads("payloads.2")];
  const matches = ({ chain, sequence }) => chain !== "payloads.1" && sequence !== 2;
  const { lines } = await bundle({ chains, about: SEARCH, before: LEAVES, matches });
  const report = await verified(lines);
  assert.ok(report.verified, report.summary);
  assert.equal(report.population.totals.count, 4);
  assert.match(report.notes.join(), /all that there was is the word of/);
  const swapped = await verified([lines[0], ...lines.slice(5, 9), ...lines.slice(1, 5), ...lines.slice(9)]);
  assert.deepEqual(failuresOf(swapped), [[6, 1]]);
  assert.match(swapped.failures[0].failure.sentence, /order of their names/);
  assert.deepEqual(swapped.lines.map(({ isSkipped }) => isSkipped).lastIndexOf(true), 8);
});

test("nothing that the lines say beside the entries may be another", async () => {
  const { lines } = await bundle({ chains: [await payloads()], about: ABOUT, before: LEAVES });
  const change = (number, more) => lines.map((one, index) => (index === number - 1 ? { ...one, ...more } : one));
  const [, , second, , end, close] = lines;
  const told = await verified(change(3, { says: second.says.replace("maria", "peter") }));
  assert.deepEqual(failuresOf(told)[0], [3, 1]);
  for (const [changed, number, step] of [
    [change(6, { chains: 2 }), 6, 19], [change(6, { entries: 4 }), 6, 19], [change(6, { records: 1 }), 6, 19],
    [change(6, { matches: 2 }), 6, 19], [change(6, { root: "00".repeat(32) }), 6, 19], [change(6, { periods: close.periods.slice(1) }), 6, 19],
    [change(6, { periods: close.periods.toReversed() }), 6, 19],
    [change(5, { log: { ...end.log, position: 10 } }), 5, 17], [change(5, { log: { ...end.log, origin: "elsewhere" } }), 5, 17],
    [change(5, { log: { ...end.log, proof: end.log.proof.slice(1) } }), 5, 17],
    [change(5, { log: { ...end.log, note: end.log.note.replace("\n12\n", "\n13\n") } }), 5, 17],
    [change(1, { about: { ...ABOUT, endorsements: [] } }), 2, 2],
    [change(1, { about: { chain: PAYLOADS, kind: "chain" } }), 2, 2],
    [[...lines, close], 7, 1], [lines.toSpliced(1, 0, lines[0]), 2, 1],
  ]) await requireFailure(changed, number, step);
  assert.match(await requireFailure(lines.slice(0, -1), 5, 1), /tail is missing/);
  const report = await verified(change(3, { match: false }));
  assert.deepEqual(failuresOf(report), [[6, 19]]);
});

test("an end that is cut, moved or signed by a stranger is refused", async () => {
  const entries = await payloads();
  const { lines, leaves, note } = await bundle({ chains: [entries], about: ABOUT, before: LEAVES });
  const ended = async (facts, signer = ledger) => {
    const last = entries[2];
    const whole = { at: BigInt(last.at), chain: last.chain, head: last.hash, size: 3n, ...facts };
    return lines.with(4, { ...lines[4], end: toBase64(await signStatement("countersign-checkpoint-v1", whole, signer)) });
  };
  for (const facts of [{ at: 1n }, { chain: "payloads.1" }, { head: entries[1].hash }, { size: 4n }]) await requireFailure(await ended(facts), 5, 13);
  await requireFailure(await ended({}, stranger), 5, 13);
  const cut = lines.toSpliced(3, 1);
  const report = await verified(cut);
  assert.deepEqual(failuresOf(report), [[4, 13], [5, 19]]);
  // A place of another entry of the same log.
  const moved = lines.with(4, { ...lines[4], log: await located(leaves, 10, note) });
  await requireFailure(moved, 5, 17);
});

test("a checkpoint that was kept must lead here, byte for byte", async () => {
  const chains = [await payloads()];
  const [kept, later] = [await checkpoint(LEAVES, { size: 4 }), await checkpoint(LEAVES)];
  const made = (earlier) => bundle({ chains, about: ABOUT, before: LEAVES, earlier });
  const good = await made([{ kept, size: 4 }]);
  const report = await verified(good.lines, { checkpoints: [kept] });
  assert.ok(report.verified, report.summary);
  assert.equal(report.lines[5].checks[0].text, "goes on from 1 checkpoint that you keep");
  assert.match((await verified(good.lines)).notes.join(), /which was not given here/);
  // Not asked for; of another time; and another signature under the same text.
  assert.match(await requireFailure((await made([])).lines, 6, 18, { checkpoints: [kept] }), /ask for one/);
  await requireFailure(good.lines, 6, 18, { checkpoints: [kept, later] });
  await requireFailure(good.lines, 6, 18, { checkpoints: [`${kept}\u2014 witness.example AAAAAAAA\n`] });
  // Of a log that is not here: beside one that is, and alone, as if the log went by another name now.
  const elsewhere = await checkpoint(LEAVES, { origin: "countersign.example.com/ledger/other" });
  const other = await verified(good.lines, { checkpoints: [kept, elsewhere] });
  assert.ok(other.verified);
  assert.match(other.notes.join(), /is of a log that nothing here is in/);
  assert.match(await requireFailure(good.lines, 6, 18, { checkpoints: [elsewhere] }), /by another name/);
  await assert.rejects(verified(good.lines, { checkpoints: ["nothing"] }), UnusableInput);
});

test("a past that was written anew does not lead from what was kept", async () => {
  const rewritten = [sha256(Uint8Array.of(99)), ...LEAVES.slice(1)];
  const kept = await checkpoint(LEAVES, { size: 4 });
  const { lines } = await bundle({ chains: [await payloads()], about: ABOUT, before: rewritten, earlier: [{ kept, size: 4 }] });
  assert.match(await requireFailure(lines, 6, 18, { checkpoints: [kept] }), /does not go on/);
  const strangers = await checkpoint(LEAVES, { size: 4, signer: stranger });
  const signed = await bundle({ chains: [await payloads()], about: ABOUT, before: LEAVES, earlier: [{ kept: strangers, size: 4 }] });
  await requireFailure(signed.lines, 6, 18, { checkpoints: [strangers] });
});

test("two checkpoints of one size with two roots are two pasts", async () => {
  const chains = [await payloads("payloads.1"), await payloads("payloads.2")];
  const { lines } = await bundle({ chains, about: SEARCH, before: LEAVES });
  const own = chains[1].map(({ hash }) => hash);
  const other = [...LEAVES, ...own, ...chains[0].map(({ hash }) => hash)];
  const fork = await located(other, other.indexOf(own[2]), await checkpoint(other));
  assert.match(await requireFailure(lines.with(8, { ...lines[8], log: fork }), 9, 17), /are not the same/);
});

test("a file that holds nothing is signed by nobody", async () => {
  const { lines } = await bundle({ chains: [], about: SEARCH });
  assert.match(await requireFailure(lines, 2, 19), /nothing in it is signed/);
});

test("people's keys are endorsed from the people root, and not after they were revoked", async () => {
  const [peopleRoot, administrator, lead] = await Promise.all(["1b", "1c", "19"].map((seed) => signerFromSeed(seed.repeat(32))));
  const endorsed = async (signer, key, person, role, at) => ["key.endorsed", {
    person, key, role, strength: "strong", endorser: "somebody", endorser_key: signer.publicKey,
    endorsement: await signEndorsement({ at, key, person, role, strength: "strong" }, signer),
  }, at];
  const first = await endorsed(peopleRoot, administrator.publicKey, "local:admin", "security_administrator", NOVEMBER);
  const own = await endorsed(administrator, lead.publicKey, "local:lead", "approver", NOVEMBER + 1);
  const revoked = ["key.revoked", { person: "local:lead", key: lead.publicKey, reason: "lost", revoked_by: "local:lead" }, NOVEMBER + 2];
  const again = await endorsed(administrator, lead.publicKey, "local:lead", "approver", NOVEMBER + 3);
  const made = async (...told) => (await bundle({ chains: [await serviceChain("keys", told)], about: { ...ABOUT, chain: "keys" }, before: LEAVES })).lines;
  const given = { peopleRoots: [toHex(peopleRoot.publicKey)] };
  const report = await verified(await made(first, own, revoked), given);
  assert.ok(report.verified, report.summary);
  assert.deepEqual(report.lines[2].checks.at(-1), { step: 14, name: "people", text: "endorsed, from a people root, as that of local:lead" });
  assert.match((await verified(await made(first, own))).notes.join(), /give the people root/);
  await requireFailure(await made(first, own, revoked, again), 5, 14);
  await requireFailure(await made(own), 2, 14, given);
  await requireFailure(await made(["key.endorsed", { ...first[1], person: "local:other" }, NOVEMBER]), 2, 14);
  await requireFailure(await made(["call.allowed", {}, NOVEMBER]), 2, 4);
});

test("a line is in its place and its form, or it fails", async () => {
  const { lines } = await bundle({ chains: [await payloads()], about: ABOUT, before: LEAVES });
  const text = lines.map(line);
  const said = async (changed) => failuresOf(await verifyEvidence(new Blob(changed), { roots: [ROOT] }));
  assert.deepEqual(await said([text[5], ...text.slice(1)]), [[1, 1]]);
  assert.deepEqual(await said(text.with(5, text[5].replace("\"chains\":1,", "\"chains\": 1,"))), [[6, 1]]);
  assert.deepEqual(await said(text.with(5, text[5].trimEnd())), [[6, 1]]);
  assert.deepEqual((await said(text.with(4, text[4].replace("\"end\":\"", "\"end\":\"!")))).at(0), [5, 1]);
  assert.deepEqual((await said([...text, "{}\n"])).at(-1), [7, 1]);
  assert.deepEqual((await said(text.with(5, line({ ...lines[5], line: ["close"] })))).at(0), [6, 1]);
  assert.deepEqual(await said(text.with(0, line({ ...lines[0], about: { ...ABOUT, kind: ["chain"] } }))), [[1, 1]]);
  assert.deepEqual(await said(text.with(0, text[0].replace("{", "\ufeff{"))), [[1, 1]]);
});

test("a file of many pieces is read as one, and says how far it is", async () => {
  // Longer than two pieces of 4 MiB, with lines across their borders.
  const told = Array.from({ length: 900 }, (_, index) => ["payload.decoded", { reason: "x".repeat(4000 + index) }, NOVEMBER + index]);
  const { lines } = await bundle({ chains: [await serviceChain(PAYLOADS, told)], about: ABOUT, before: LEAVES });
  const file = fileOf(lines);
  assert.ok(file.size > 8 * 1024 * 1024);
  const seen = [];
  const report = await verifyEvidence(file, { roots: [ROOT] }, async (progress) => { seen.push(progress); });
  assert.equal(report.summary, "VERIFIED: 903 lines (900 payload.decoded); 1 chain.");
  assert.deepEqual(seen.at(-1), { lines: 903, bytes: file.size, size: file.size });
  await assert.rejects(verifyEvidence(file, { roots: [ROOT] }, async () => { throw new UnusableInput("stopped"); }), /stopped/);
});

test("a line that is too long is not checked, and never verified", async () => {
  const { lines } = await bundle({ chains: [await payloads()], about: ABOUT, before: LEAVES });
  const text = lines.map(line);
  const report = await verifyEvidence(new Blob([...text.slice(0, 5), new Uint8Array(64 * 1024 * 1024 + 1).fill(97), "\n", text[5]]), { roots: [ROOT] });
  assert.equal(report.verified, false);
  assert.deepEqual(report.unchecked.map(({ line: number }) => number), [6]);
});

test("nobody is told of a time that no calendar has", () => {
  assert.equal(says("a", 253_402_300_799_999, new Map()), "9999-12-31T23:59:59.999Z  a");
  assert.throws(() => says("a", 253_402_300_800_000, new Map()), /after the year 9999/);
});
