/**
 * The browser's decoders, asked by `browser.py`: one JSON question a line on standard input, one JSON answer a line on
 * standard output, {"accepted": true} or {"accepted": false, "field"}. Anything else that is thrown is a finding:
 * {"crashed"}.
 */

import { createInterface } from "node:readline";

import { parseApproval, verifyApproval } from "../../static/js/lib/approval.js";
import { equal, fromHex } from "../../static/js/lib/bytes.js";
import { decode, decodeLoosely, encode } from "../../static/js/lib/cbor.js";
import { parseDenial } from "../../static/js/lib/denial.js";
import { parseEnrolment } from "../../static/js/lib/enrolment.js";
import { parseEndorsement } from "../../static/js/lib/key-endorsements.js";
import { Refusal } from "../../static/js/lib/refusal.js";
import { review } from "../../static/js/lib/review.js";
import { Context, parseEnvelope, verifyEnvelope } from "../../static/js/lib/statements.js";
import { parseWarrant } from "../../static/js/lib/warrant.js";

function require(holds, field) {
  if (!holds) throw new Refusal(field, "It does not hold.");
}

const decoders = {
  "cbor": (bytes) => {
    if (!equal(encode(decode(bytes)), bytes)) throw new Error("What was decoded encodes to other bytes.");
  },
  "any cbor": decodeLoosely,
  "approval": async (bytes) => require(await verifyApproval(parseApproval(bytes)), "signature"),
  "denial": async (bytes) => require(await verifyEnvelope(Context.DENIAL, parseDenial(bytes).envelope), "signature"),
  "envelope": parseEnvelope,
  "enrolment": async (bytes) => require(await verifyEnvelope(Context.ENROLMENT, parseEnrolment(bytes).envelope), "signature"),
  "endorsement": parseEndorsement,
  "warrant": parseWarrant,
};

async function ask({ decoder, bytes, signing, trust }) {
  if (decoder !== "review") return decoders[decoder](fromHex(bytes));
  const roots = trust.roots.map((root) => fromHex(root));
  const { problems } = await review(signing, { publicKey: fromHex(trust.public_key), pinnedRoots: roots, now: trust.now });
  return require(problems.length === 0, problems[0]?.field ?? "");
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    await ask(JSON.parse(line));
    answer = { accepted: true };
  } catch (error) {
    answer = error instanceof Refusal ? { accepted: false, field: error.field } : { crashed: String(error?.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
