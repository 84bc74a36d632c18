/**
 * This browser's keys, in IndexedDB: one per account, in one of two strengths.
 *
 * Ordinary: a non-extractable CryptoKey. The database holds a handle to it, and no code can read it out.
 * Strong: wrapped bytes, which only a passkey's secret unwraps, for one signature at a time.
 */

import { generate, isSupported, signerOf } from "./ed25519.js";
import { forgetPasskey, makePasskey, unwrapKey, wrapNewKey } from "./passkey-wrap.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./ed25519.js").Signer} Signer */
/** @typedef {import("./enrolment.js").Strength} Strength */
/**
 * @typedef {object} StoredKey
 * @property {string} externalId the account, such as "local:maria"
 * @property {Strength} strength
 * @property {CryptoKeyPair} [pair] of an ordinary key
 * @property {import("./passkey-wrap.js").Wrapped} [wrapped] of a strong key
 * @property {Bytes} publicKey 32 bytes
 * @property {Bytes[]} pinnedRoots the only issuers this account's browser believes
 * @property {Bytes[]} [pinnedPeopleRoots] the only people roots it believes; older keys have none yet
 * @property {number} createdAt UTC milliseconds since 1970
 */

export const NEEDED_BROWSERS = "Chrome or Edge 137, Firefox 129, or Safari 17, or newer";
const DATABASE = "countersign";
const STORE = "keys";
// 1: ordinary keys only, which did not say so. 2: every key says its strength.
const VERSION = 2;

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
 * Make an ordinary key for the account and keep it, in place of an older one.
 * @param {string} externalId @param {Bytes[]} pinnedRoots @param {Bytes[]} [pinnedPeopleRoots]
 * @returns {Promise<{ stored: StoredKey, signer: Signer }>}
 */
export async function makeKey(externalId, pinnedRoots, pinnedPeopleRoots = []) {
  const pair = await generate();
  const signer = await signerOf(pair);
  const { publicKey } = signer;
  const roots = { pinnedRoots, pinnedPeopleRoots };
  const stored = await keep({ externalId, strength: "ordinary", pair, publicKey, ...roots, createdAt: Date.now() });
  return { stored, signer };
}

/**
 * Make a strong key: a new passkey, then the key it wraps. The person is asked twice; if they stop, nothing is kept.
 * @param {string} externalId @param {Bytes[]} pinnedRoots @param {Bytes[]} [pinnedPeopleRoots]
 * @param {import("./passkey-wrap.js").AskPasskey} [ask] @param {typeof makePasskey} [make]
 * @returns {Promise<{ stored: StoredKey, signer: Signer }>} the signer is for the enrolment, and nothing later
 */
export async function makeStrongKey(externalId, pinnedRoots, pinnedPeopleRoots = [], ask = undefined, make = makePasskey) {
  const credentialId = await make(externalId);
  try {
    const { wrapped, signer } = await wrapNewKey(externalId, credentialId, ask);
    const { publicKey } = signer;
    const roots = { pinnedRoots, pinnedPeopleRoots };
    const stored = await keep({ externalId, strength: "strong", wrapped, publicKey, ...roots, createdAt: Date.now() });
    return { stored, signer };
  } catch (error) {
    await forgetPasskey(credentialId);
    throw error;
  }
}

/** Believe other roots from now on. @param {StoredKey} stored @param {Bytes[]} pinnedRoots @returns {Promise<StoredKey>} */
export async function pinRoots(stored, pinnedRoots) {
  return keep({ ...stored, pinnedRoots });
}

/**
 * A signer for one signature. For a strong key the passkey is asked, every time.
 * @param {StoredKey} stored @param {import("./passkey-wrap.js").AskPasskey} [ask] @returns {Promise<Signer>}
 */
export async function unlock({ externalId, pair, wrapped, publicKey }, ask) {
  if (wrapped) return unwrapKey(wrapped, { externalId, publicKey }, ask);
  if (pair) return { privateKey: pair.privateKey, publicKey };
  throw new Refusal("keystore", "What this browser kept of its key cannot be used. Revoke the key and make a new one.");
}

/** @param {StoredKey} stored @returns {Promise<StoredKey>} */
async function keep(stored) {
  await inStore("readwrite", (store) => store.put(stored));
  return stored;
}

/** Believe other people roots from now on. @param {StoredKey} stored @param {Bytes[]} pinnedPeopleRoots @returns {Promise<StoredKey>} */
export async function pinPeopleRoots(stored, pinnedPeopleRoots) {
  return keep({ ...stored, pinnedPeopleRoots });
}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, VERSION);
    opening.onupgradeneeded = ({ oldVersion }) => migrate(opening, oldVersion);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(new Refusal("keystore", "This browser does not let the page keep a key. Private windows often do not."));
  });
}

/** @param {IDBOpenDBRequest} opening @param {number} from the version on disk, 0: none */
function migrate({ result, transaction }, from) {
  if (from < 1) result.createObjectStore(STORE, { keyPath: "externalId" });
  if (from !== 1 || !transaction) return;
  const walking = transaction.objectStore(STORE).openCursor();
  walking.onsuccess = () => {
    walking.result?.update({ ...walking.result.value, strength: "ordinary" });
    walking.result?.continue();
  };
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
