/**
 * The JavaScript side of the tests that compare it with Python: one JSON question a line on
 * standard input, one JSON answer a line on standard output.
 */

import { createInterface } from "node:readline";

import { signApproval } from "../../static/js/lib/approval.js";
import { fromHex, toHex } from "../../static/js/lib/bytes.js";
import { Float, decode, encode } from "../../static/js/lib/cbor.js";
import { signDenial } from "../../static/js/lib/denial.js";
import { displayDigest, readDisplay } from "../../static/js/lib/display.js";
import { Refusal } from "../../static/js/lib/refusal.js";
import { retractionTerms, signRetraction } from "../../static/js/lib/retraction.js";
import { approvalTerms, denialTerms, newNonce, review } from "../../static/js/lib/review.js";
import { visible } from "../../static/js/lib/visible-text.js";
import { signerFromSeed } from "./support.js";

/** JSON cannot tell 1 from 1.0, so every value comes as [type, value]. */
function valueOf([type, value]) {
  switch (type) {
    case "int": return BigInt(value);
    case "float": return new Float(Number(value));
    case "bytes": return fromHex(value);
    case "list": return value.map(valueOf);
    case "map": return new Map(value.map(([key, item]) => [key, valueOf(item)]));
    default: return value;
  }
}

function reviewed({ signing, public_key, roots, now }) {
  return review(signing, { publicKey: fromHex(public_key), pinnedRoots: roots.map((root) => fromHex(root)), now });
}

async function checked(question) {
  const { checks, problems } = await reviewed(question);
  return { checks: checks.map(({ name }) => name), fields: problems.map(({ field }) => field) };
}

async function signed({ seed, reason, ...question }) {
  const { subject, problems } = await reviewed(question);
  if (!subject) return { problems };
  const signer = await signerFromSeed(seed);
  const choice = { reason, now: question.now, nonce: newNonce() };
  return {
    approval: toHex(await signApproval(approvalTerms(subject, choice), signer)),
    denial: toHex(await signDenial(denialTerms(subject, choice), signer)),
    retraction: toHex(await signRetraction(retractionTerms(subject, choice), signer)),
  };
}

async function shown({ bytes }) {
  const { workflowType, gateMessage, reasoning, history } = readDisplay(fromHex(bytes));
  const calls = history.map(({ tool, verdict, atMs, code, detail }) => [tool, verdict, atMs, code, detail]);
  return { digest: toHex(await displayDigest(fromHex(bytes))), texts: [workflowType, gateMessage, reasoning], calls };
}

const answers = {
  encode: ({ value }) => toHex(encode(valueOf(value))),
  recode: ({ bytes }) => toHex(encode(decode(fromHex(bytes)))),
  visible: ({ text }) => visible(text),
  display: shown,
  review: checked,
  sign: signed,
};

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  try {
    process.stdout.write(`${JSON.stringify({ answer: await answers[question.ask](question) })}\n`);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    process.stdout.write(`${JSON.stringify({ refused: error.message, field: error.field })}\n`);
  }
}
