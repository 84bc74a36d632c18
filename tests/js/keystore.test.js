import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { before, test } from "node:test";

import { verify, sign } from "../../static/js/lib/ed25519.js";
import { findKey, makeKey, pinRoots, requireSupport, signer } from "../../static/js/lib/keystore.js";

const root = new Uint8Array(32).fill(7);

before(() => {
  globalThis.isSecureContext = true;
});

test("a key is made, kept for its account, found again, and signs", async () => {
  const made = await makeKey("local:maria", [root]);
  const found = await findKey("local:maria");
  assert.deepEqual(found.publicKey, made.publicKey);
  assert.deepEqual(found.pinnedRoots, [root]);
  const message = new Uint8Array([1, 2, 3]);
  assert.ok(await verify(found.publicKey, await sign(signer(found), message), message));
  assert.equal(await findKey("local:jonas"), null);
});

test("the private key cannot be exported", async () => {
  const { pair } = await makeKey("local:maria", [root]);
  assert.equal(pair.privateKey.extractable, false);
  await assert.rejects(crypto.subtle.exportKey("pkcs8", pair.privateKey));
  await assert.rejects(crypto.subtle.exportKey("jwk", pair.privateKey));
});

test("other roots are pinned only by saying so, and the key stays", async () => {
  const made = await makeKey("local:maria", [root]);
  const other = new Uint8Array(32).fill(8);
  await pinRoots(made, [other]);
  const found = await findKey("local:maria");
  assert.deepEqual(found.pinnedRoots, [other]);
  assert.deepEqual(found.publicKey, made.publicKey);
});

test("an insecure page and a browser without Ed25519 are told so", async (t) => {
  await requireSupport();
  t.mock.method(crypto.subtle, "generateKey", () => Promise.reject(new Error("NotSupportedError")));
  await assert.rejects(requireSupport(), /Chrome or Edge 137, Firefox 129, or Safari 17/);
  globalThis.isSecureContext = false;
  await assert.rejects(requireSupport(), /HTTPS/);
});
