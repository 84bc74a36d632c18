import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { before, beforeEach, test } from "node:test";
import { IDBFactory } from "fake-indexeddb";

import { generate, sign, signerOf, verify } from "../../static/js/lib/ed25519.js";
import { findKey, makeKey, makeStrongKey, pinRoots, requireSupport, unlock } from "../../static/js/lib/keystore.js";
import { Cancelled } from "../../static/js/lib/passkey-wrap.js";
import { fakePasskey } from "./support.js";

const root = new Uint8Array(32).fill(7);
const other = new Uint8Array(32).fill(8);
const message = new Uint8Array([1, 2, 3]);

before(() => {
  globalThis.isSecureContext = true;
});

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});

/** The database as version 1 of this page's code left it: no key says its strength. */
async function leaveVersion1(...records) {
  const opening = indexedDB.open("countersign", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("keys", { keyPath: "externalId" });
  await new Promise((resolve) => { opening.onsuccess = resolve; });
  const transaction = opening.result.transaction("keys", "readwrite");
  for (const record of records) transaction.objectStore("keys").put(record);
  await new Promise((resolve) => { transaction.oncomplete = resolve; });
  opening.result.close();
}

test("a key is made, kept for its account, found again, and signs", async () => {
  const { stored } = await makeKey("local:maria", [root]);
  const found = await findKey("local:maria");
  assert.deepEqual(found.publicKey, stored.publicKey);
  assert.deepEqual([found.pinnedRoots, found.strength], [[root], "ordinary"]);
  assert.ok(await verify(found.publicKey, await sign(await unlock(found), message), message));
  assert.equal(await findKey("local:jonas"), null);
});

test("the private key cannot be exported", async () => {
  const { pair } = (await makeKey("local:maria", [root])).stored;
  assert.equal(pair.privateKey.extractable, false);
  await assert.rejects(crypto.subtle.exportKey("pkcs8", pair.privateKey));
  await assert.rejects(crypto.subtle.exportKey("jwk", pair.privateKey));
});

test("other roots are pinned only by saying so, and the key stays", async () => {
  const { stored } = await makeKey("local:maria", [root]);
  await pinRoots(stored, [other]);
  const found = await findKey("local:maria");
  assert.deepEqual(found.pinnedRoots, [other]);
  assert.deepEqual(found.publicKey, stored.publicKey);
});

test("keys from before there were two strengths go on working, as ordinary ones", async () => {
  const pairs = [await generate(), await generate()];
  const old = await Promise.all(pairs.map(async (pair, index) => {
    const { publicKey } = await signerOf(pair);
    return { externalId: `local:${index}`, pair, publicKey, pinnedRoots: [root], createdAt: index };
  }));
  await leaveVersion1(...old);
  for (const record of old) {
    const found = await findKey(record.externalId);
    assert.equal(found.strength, "ordinary");
    assert.deepEqual([found.pinnedRoots, found.createdAt], [[root], record.createdAt]);
    assert.ok(await verify(record.publicKey, await sign(await unlock(found), message), message));
  }
  assert.equal((await makeStrongKey("local:new", [root], [], fakePasskey(), async () => root)).stored.strength, "strong");
});

test("an empty database from before is upgraded too", async () => {
  await leaveVersion1();
  assert.equal(await findKey("local:maria"), null);
  await makeKey("local:maria", [root]);
});

test("a strong key is kept wrapped, and every signature asks the passkey", async () => {
  const passkey = fakePasskey();
  const { stored, signer } = await makeStrongKey("local:maria", [root], [], passkey, async () => Uint8Array.of(1, 2));
  assert.equal(passkey.asked, 1);
  assert.ok(await verify(stored.publicKey, await sign(signer, message), message));
  const found = await findKey("local:maria");
  assert.deepEqual([found.strength, found.pair, found.wrapped.credentialId], ["strong", undefined, Uint8Array.of(1, 2)]);
  for (const times of [2, 3]) {
    const again = await unlock(found, passkey);
    assert.equal(passkey.asked, times);
    assert.equal(again.privateKey.extractable, false);
    assert.ok(await verify(found.publicKey, await sign(again, message), message));
  }
});

test("whoever stops at a prompt keeps what they had, and nothing half made", async () => {
  const { stored } = await makeKey("local:maria", [root]);
  const stop = () => Promise.reject(new Cancelled("The passkey was not used."));
  await assert.rejects(makeStrongKey("local:maria", [other], [], stop, async () => root), Cancelled);
  await assert.rejects(makeStrongKey("local:maria", [other], [], fakePasskey(), stop), Cancelled);
  await assert.rejects(makeStrongKey("local:jonas", [other], [], stop, async () => root), Cancelled);
  const found = await findKey("local:maria");
  assert.deepEqual([found.publicKey, found.strength, found.pinnedRoots], [stored.publicKey, "ordinary", [root]]);
  assert.equal(await findKey("local:jonas"), null);
});

test("a record with neither a key nor a wrapped one signs nothing", async () => {
  await assert.rejects(unlock({ externalId: "local:maria", publicKey: root }), { field: "keystore" });
});

test("an insecure page and a browser without Ed25519 are told so", async (t) => {
  await requireSupport();
  t.mock.method(crypto.subtle, "generateKey", () => Promise.reject(new Error("NotSupportedError")));
  await assert.rejects(requireSupport(), /Chrome or Edge 137, Firefox 129, or Safari 17/);
  globalThis.isSecureContext = false;
  await assert.rejects(requireSupport(), /HTTPS/);
});
