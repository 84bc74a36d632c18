/** What the tests share: vectors, and keys from fixed seeds. */

import { readFileSync, readdirSync } from "node:fs";

import { fromHex } from "../../static/js/lib/bytes.js";
import { prfInput } from "../../static/js/lib/passkey-wrap.js";

const FOLDER = new URL("../vectors/", import.meta.url);
// RFC 8410: what stands before the 32-byte seed in a PKCS #8 Ed25519 key.
const PKCS8 = "302e020100300506032b657004220420";

export function good(name) {
  return JSON.parse(readFileSync(new URL(`good/${name}.json`, FOLDER), "utf8"));
}

/** The files of bad vectors; those of evidence have a folder and a table of their own. */
function badFiles() {
  return readdirSync(new URL("bad/", FOLDER)).filter((file) => file.endsWith(".json"));
}

/** All bad vectors of one kind, each with the name of its file. */
export function bad(kind) {
  return badFiles()
    .map((file) => ({ name: file.replace(".json", ""), ...JSON.parse(readFileSync(new URL(`bad/${file}`, FOLDER), "utf8")) }))
    .filter((vector) => vector.kind === kind);
}

export function badKinds() {
  const kinds = badFiles().map((file) => JSON.parse(readFileSync(new URL(`bad/${file}`, FOLDER), "utf8")).kind);
  return [...new Set(kinds)].sort();
}

/** A signer, as the key store gives it, from a 32-byte seed in hexadecimal. */
export async function signerFromSeed(seed) {
  const privateKey = await crypto.subtle.importKey("pkcs8", fromHex(PKCS8 + seed), "Ed25519", true, ["sign"]);
  const { x } = await crypto.subtle.exportKey("jwk", privateKey);
  return { privateKey, publicKey: new Uint8Array(Buffer.from(x, "base64url")) };
}

/** What a vector says of a binding, as approval.js takes it. */
export function bindingOf({ request_id, namespace, workflow_id, run_id, display_digest, policy_version }) {
  return {
    requestId: request_id, namespace, workflowId: workflow_id, runId: run_id,
    displayDigest: fromHex(display_digest), policyVersion: policy_version,
  };
}

/** A passkey that gives its secret for a salt, as WebAuthn's PRF extension does, and counts how often it was asked. */
export function fakePasskey(seed = 1) {
  const passkey = async ({ salt }) => {
    passkey.asked += 1;
    const input = new Uint8Array([seed, ...prfInput(salt)]);
    return new Uint8Array(await crypto.subtle.digest("SHA-256", input));
  };
  passkey.asked = 0;
  return passkey;
}
