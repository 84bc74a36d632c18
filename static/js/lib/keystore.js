/**
 * This browser's keys, in IndexedDB: one per account. The private key is a non-extractable
 * CryptoKey: the database holds a handle to it, and no code can read it out.
 */

import { generate, isSupported, signerOf } from "./ed25519.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/**
 * @typedef {object} StoredKey
 * @property {string} externalId the account, such as "local:maria"
 * @property {CryptoKeyPair} pair
 * @property {Bytes} publicKey 32 bytes
 * @property {Bytes[]} pinnedRoots the only issuers this account's browser believes
 * @property {Bytes[]} [pinnedPeopleRoots] the only people roots it believes; older keys have none yet
 * @property {number} createdAt UTC milliseconds since 1970
 */

export const NEEDED_BROWSERS = "Chrome or Edge 137, Firefox 129, or Safari 17, or newer";
const DATABASE = "countersign";
const STORE = "keys";

/** @throws {Refusal} unless this browser can make Ed25519 keys and keep them */
export async function requireSupport() {
  if (!globalThis.isSecureContext) {
    throw new Refusal("browser", "Keys are only made on a page opened over HTTPS, or on localhost.");
  }
  if (!(await isSupported())) {
    throw new Refusal("browser", `This browser cannot make the kind of key that is needed. Use ${NEEDED_BROWSERS}.`);
  }
}

/** @param {string} externalId @returns {Promise<StoredKey | null>} */
export async function findKey(externalId) {
  return (await inStore("readonly", (store) => store.get(externalId))) ?? null;
}

/**
 * Make a key for the account and keep it, in place of an older one.
 * @param {string} externalId @param {Bytes[]} pinnedRoots @param {Bytes[]} [pinnedPeopleRoots]
 * @returns {Promise<StoredKey>}
 */
export async function makeKey(externalId, pinnedRoots, pinnedPeopleRoots = []) {
  const pair = await generate();
  const { publicKey } = await signerOf(pair);
  const stored = { externalId, pair, publicKey, pinnedRoots, pinnedPeopleRoots, createdAt: Date.now() };
  await inStore("readwrite", (store) => store.put(stored));
  return stored;
}

/** Believe other roots from now on. @param {StoredKey} stored @param {Bytes[]} pinnedRoots @returns {Promise<StoredKey>} */
export async function pinRoots(stored, pinnedRoots) {
  const changed = { ...stored, pinnedRoots };
  await inStore("readwrite", (store) => store.put(changed));
  return changed;
}

/** Believe other people roots from now on. @param {StoredKey} stored @param {Bytes[]} pinnedPeopleRoots @returns {Promise<StoredKey>} */
export async function pinPeopleRoots(stored, pinnedPeopleRoots) {
  const changed = { ...stored, pinnedPeopleRoots };
  await inStore("readwrite", (store) => store.put(changed));
  return changed;
}

/** @param {StoredKey} stored @returns {import("./ed25519.js").Signer} */
export function signer({ pair, publicKey }) {
  return { privateKey: pair.privateKey, publicKey };
}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "externalId" });
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(new Refusal("keystore", "This browser does not let the page keep a key. Private windows often do not."));
  });
}

/**
 * @template T
 * @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} work
 * @returns {Promise<T>} once the transaction is durable
 */
async function inStore(mode, work) {
  const database = await openDatabase();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const asked = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onabort = () => reject(new Refusal("keystore", "This browser could not keep or read the key."));
    });
  } finally {
    database.close();
  }
}
