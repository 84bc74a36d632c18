/** Verify every evidence file named in a JSON file of {path, roots, people_roots, checkpoints}, and print what was found, as JSON. */

import { openAsBlob, readFileSync } from "node:fs";

import { verifyEvidence } from "../../static/js/lib/verify/verifier.js";

const asked = JSON.parse(readFileSync(process.argv[2], "utf8"));
const found = [];
for (const { path, roots, people_roots: peopleRoots, checkpoints = [] } of asked) {
  const report = await verifyEvidence(await openAsBlob(path), { roots, peopleRoots, checkpoints });
  found.push({ verified: report.verified, failures: report.failures.map(({ line, failure }) => [line, failure.step]), unchecked: report.unchecked.length });
}
console.log(JSON.stringify(found));
