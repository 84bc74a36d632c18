import assert from "node:assert/strict";
import { createDecipheriv, hkdfSync } from "node:crypto";
import { afterEach, test } from "node:test";

import { fromText, toHex } from "../../static/js/lib/bytes.js";
import { encode, map } from "../../static/js/lib/cbor.js";
import { sign, verify } from "../../static/js/lib/ed25519.js";
import {
  Cancelled, askPasskey, forgetPasskey, makePasskey, prfInput, requirePasskeys, unwrapKey, wrapNewKey,
} from "../../static/js/lib/passkey-wrap.js";
import { fakePasskey } from "./support.js";

const credentialId = Uint8Array.of(9, 9);
const message = fromText("a statement");
const maria = "local:maria";

async function made(passkey = fakePasskey()) {
  const { wrapped, signer } = await wrapNewKey(maria, credentialId, passkey);
  return { passkey, wrapped, signer, owner: { externalId: maria, publicKey: signer.publicKey } };
}

test("the wrapped bytes are what the documents say, read by another implementation", async () => {
  const { passkey, wrapped, owner } = await made();
  const secret = await passkey({ salt: wrapped.salt });
  assert.equal(new TextDecoder().decode(prfInput(wrapped.salt).slice(0, 24)), "countersign-key-wrap-v1\0");
  const key = hkdfSync("sha256", secret, wrapped.salt, "countersign-key-wrap-v1 aes-256-gcm", 32);
  const opening = createDecipheriv("aes-256-gcm", new Uint8Array(key), wrapped.iv);
  opening.setAAD(encode(map({ external_id: maria, public_key: owner.publicKey, version: 1n })));
  opening.setAuthTag(wrapped.bytes.slice(-16));
  const pkcs8 = Buffer.concat([opening.update(wrapped.bytes.slice(0, -16)), opening.final()]);
  assert.match(pkcs8.toString("hex"), /^302e020100300506032b657004220420/);
  const opened = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
  assert.ok(await verify(owner.publicKey, await sign({ ...owner, privateKey: opened }, message), message));
  const kept = Buffer.concat([wrapped.credentialId, wrapped.salt, wrapped.iv, wrapped.bytes]);
  assert.equal(kept.includes(pkcs8.subarray(16)), false, "the seed can be read");
});

test("what comes out cannot be exported", async () => {
  const { passkey, wrapped, signer, owner } = await made();
  for (const { privateKey } of [signer, await unwrapKey(wrapped, owner, passkey)]) {
    assert.equal(privateKey.extractable, false);
    for (const format of ["pkcs8", "jwk", "raw"]) await assert.rejects(crypto.subtle.exportKey(format, privateKey));
  }
});

test("no two keys share a salt, an iv, or wrapped bytes", async () => {
  const [one, two] = [await made(), await made()];
  for (const part of ["salt", "iv", "bytes"]) assert.notEqual(toHex(one.wrapped[part]), toHex(two.wrapped[part]));
});

test("the secret is overwritten once it was used", async () => {
  let secret;
  const remembers = async (wanted) => (secret = await fakePasskey()(wanted));
  await wrapNewKey(maria, credentialId, remembers);
  assert.equal(toHex(secret), "00".repeat(32));
});

const FAULTS = {
  "another passkey": ({ wrapped, owner }) => unwrapKey(wrapped, owner, fakePasskey(2)),
  "another salt": ({ wrapped, owner, passkey }) => unwrapKey({ ...wrapped, salt: new Uint8Array(32) }, owner, passkey),
  "a flipped bit": ({ wrapped, owner, passkey }) => unwrapKey({ ...wrapped, bytes: wrapped.bytes.map((byte, at) => byte ^ Number(at === 20)) }, owner, passkey),
  "another account": ({ wrapped, owner, passkey }) => unwrapKey(wrapped, { ...owner, externalId: "local:jonas" }, passkey),
  "another public key": ({ wrapped, owner, passkey }) => unwrapKey(wrapped, { ...owner, publicKey: new Uint8Array(32) }, passkey),
  "a short secret": ({ wrapped, owner }) => unwrapKey(wrapped, owner, async () => new Uint8Array(31)),
};

for (const [fault, attempt] of Object.entries(FAULTS)) {
  test(`${fault} unwraps nothing, and the sentence says what to do`, async () => {
    await assert.rejects(attempt(await made()), { name: "Refusal", field: "passkey" });
  });
}

// --- WebAuthn, stood in for: only what it answers with -----------------------------------------

class PublicKeyCredential {
  constructor(results) {
    Object.assign(this, { rawId: credentialId.buffer, getClientExtensionResults: () => results });
  }
}

function browser(credentials, statics = {}) {
  Object.assign(PublicKeyCredential, { getClientCapabilities: undefined, signalUnknownCredential: undefined }, statics);
  globalThis.PublicKeyCredential = PublicKeyCredential;
  globalThis.location = { hostname: "localhost" };
  Object.defineProperty(globalThis, "navigator", { value: { credentials }, configurable: true });
}

afterEach(() => {
  delete globalThis.PublicKeyCredential;
});

test("a browser without passkeys, or known to lack the extension, is told before anything is made", async () => {
  await assert.rejects(requirePasskeys(), /only keep an ordinary key/);
  const create = () => assert.fail("a passkey was made");
  browser({ create }, { getClientCapabilities: async () => ({ "extension:prf": false }) });
  await assert.rejects(makePasskey(maria), /lacks the PRF extension/);
});

for (const results of [{}, { prf: {} }, { prf: { enabled: false } }]) {
  test(`a passkey without the extension is dropped again: ${JSON.stringify(results)}`, async () => {
    const dropped = [];
    browser({ create: async () => new PublicKeyCredential(results) }, { signalUnknownCredential: async (which) => dropped.push(which) });
    await assert.rejects(makePasskey(maria), /lacks the PRF extension.*Nothing was kept here/);
    assert.deepEqual(dropped, [{ rpId: "localhost", credentialId: "CQk" }]);
  });
}

test("a passkey is made for this site alone, with the person verified, and never registered anywhere", async () => {
  let asked;
  browser({ create: async ({ publicKey }) => (asked = publicKey) && new PublicKeyCredential({ prf: { enabled: true } }) });
  assert.deepEqual(await makePasskey(maria), credentialId);
  assert.deepEqual([asked.rp.id, asked.authenticatorSelection.userVerification, asked.attestation], ["localhost", "required", "none"]);
  assert.equal(asked.user.id.length, 16);
  assert.notEqual(toHex(asked.user.id), "00".repeat(16));
});

test("the secret is asked of this passkey only, with the person verified", async () => {
  let asked;
  const secret = new Uint8Array(32).fill(3);
  browser({ get: async ({ publicKey }) => (asked = publicKey) && new PublicKeyCredential({ prf: { results: { first: secret.buffer } } }) });
  const salt = new Uint8Array(32).fill(5);
  assert.deepEqual(await askPasskey({ credentialId, salt }), secret);
  assert.deepEqual([asked.rpId, asked.userVerification], ["localhost", "required"]);
  assert.deepEqual(asked.allowCredentials, [{ type: "public-key", id: credentialId }]);
  assert.deepEqual(asked.extensions.prf.eval.first, prfInput(salt));
});

test("closing the prompt is no fault; other failures are, and a passkey without a secret is", async () => {
  const failing = (name) => ({ get: async () => { throw Object.assign(new Error("no"), { name }); } });
  const wanted = { credentialId, salt: new Uint8Array(32) };
  for (const name of ["NotAllowedError", "AbortError"]) {
    browser(failing(name));
    await assert.rejects(askPasskey(wanted), (error) => error instanceof Cancelled && /Nothing was signed/.test(error.message));
  }
  for (const [name, sentence] of [["SecurityError", /named address over HTTPS/], ["UnknownError", /could not be used/]]) {
    browser(failing(name));
    await assert.rejects(askPasskey(wanted), (error) => !(error instanceof Cancelled) && sentence.test(error.message));
  }
  browser({ get: async () => null });
  await assert.rejects(askPasskey(wanted), Cancelled);
  browser({ get: async () => new PublicKeyCredential({ prf: {} }) });
  await assert.rejects(askPasskey(wanted), /lacks the PRF extension/);
});

test("forgetting a passkey where the browser cannot is no fault", async () => {
  await forgetPasskey(credentialId);
  browser({}, { signalUnknownCredential: () => Promise.reject(new Error("no")) });
  await forgetPasskey(credentialId);
});
