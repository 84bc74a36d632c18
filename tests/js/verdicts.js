/** Verify every evidence file named in a JSON file of {path, roots, people_roots}, and print what was found, as JSON. */

import { readFileSync } from "node:fs";

import { verifyEvidence } from "../../static/js/lib/verify/verifier.js";

const asked = JSON.parse(readFileSync(process.argv[2], "utf8"));
const found = [];
for (const { path, roots, people_roots: peopleRoots } of asked) {
  const report = await verifyEvidence(new Uint8Array(readFileSync(path)), { roots, peopleRoots });
  found.push({ verified: report.verified, failures: report.failures.map(({ line }) => line), unchecked: report.unchecked.length });
}
console.log(JSON.stringify(found));
