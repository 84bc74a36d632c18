/** The verifier in JavaScript says of every evidence vector what Python's says (tests/vectors/evidence.json). */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { UnusableInput } from "../../static/js/lib/verify/steps.js";
import { verifyEvidence } from "../../static/js/lib/verify/verifier.js";

const FOLDER = new URL("../vectors/", import.meta.url);
const ROWS = JSON.parse(readFileSync(new URL("evidence.json", FOLDER), "utf8"));
// What Tenuo says in its own words, this verifier says in others.
const OWN_WORDS = new RegExp("^(" + [
  "The warrant chain does not verify", "A warrant cannot be read", "An approval of the call cannot be read",
  "The call was not allowed by its warrant", "The field 'payload'", "No root key",
].join("|") + ")");

const bytesOf = (file) => new Uint8Array(readFileSync(new URL(file, FOLDER)));
const verify = (data, given) => verifyEvidence(new Blob([data]), given);
const trustOf = ({ roots, people_roots: peopleRoots, checkpoints = [] }) => ({ roots, peopleRoots, checkpoints });

for (const row of ROWS) {
  test(`${row.file}: ${row.fault}`, async () => {
    const report = await verify(bytesOf(row.file), trustOf(row));
    const failures = report.failures.map(({ line, entry, failure }) => ({ line, entry, step: failure.step }));
    assert.deepEqual(failures, row.failures.map(({ line, entry, step }) => ({ line, entry, step })));
    for (const [index, { sentence }] of row.failures.entries()) {
      if (!OWN_WORDS.test(sentence)) assert.equal(report.failures[index].failure.sentence, sentence);
    }
    if (row.unchecked_in_javascript) {
      assert.equal(report.verified, false);
      assert.match(report.summary, /NOT VERIFIED: .* could not be checked here/);
      assert.match(report.unchecked[0].unchecked.sentence, /not checked here/);
      return;
    }
    assert.deepEqual(report.unchecked, []);
    assert.equal(report.verified, row.exit === 0, report.summary);
    assert.equal(report.state, row.state);
    assert.deepEqual(report.lines.filter(({ isSkipped }) => !isSkipped).map(({ checks }) => checks.map(({ step }) => step)), row.steps);
  });
}

test("without a people root it says what was not checked", async () => {
  const [row] = ROWS;
  const report = await verify(bytesOf(row.file), { roots: row.roots });
  assert.ok(report.verified);
  assert.ok(report.notes.some((note) => note.includes("people root")));
});

test("no byte of a file can change without being noticed in its line or its neighbour", async () => {
  const row = ROWS.find(({ file }) => file === "good/evidence/confirmed-with-a-passkey.jsonl");
  const data = bytesOf(row.file);
  for (let at = 0; at < data.length; at += 61) {
    const changed = data.slice();
    changed[at] ^= 1;
    const { verified } = await verify(changed, trustOf(row));
    assert.equal(verified, false, `byte ${at}`);
  }
});

for (const [name, data, roots] of [
  ["nothing", "", [ROWS[0].roots[0]]],
  ["another file", "hello\n", [ROWS[0].roots[0]]],
  ["no root", "countersign-evidence-v2", []],
  ["half a root", "countersign-evidence-v2", ["ab"]],
]) {
  test(`${name} cannot be used`, async () => {
    await assert.rejects(verify(new TextEncoder().encode(data), { roots }), UnusableInput);
  });
}
