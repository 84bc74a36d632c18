/** Pure Ed25519 (RFC 8032) by WebCrypto: no prehash, no context parameter. */

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {{ privateKey: CryptoKey, publicKey: Bytes }} Signer  the private key cannot be exported */

const ALGORITHM = "Ed25519";
// Most signatures are by few keys, and to import one takes as long as to verify.
const MAXIMUM_KEYS = 256;

/** Public keys that were imported, by their bytes. @type {Map<string, Promise<CryptoKey>>} */
const imported = new Map();

/** @param {Bytes} publicKey @param {Bytes} signature @param {Bytes} message @returns {Promise<boolean>} */
export async function verify(publicKey, signature, message) {
  try {
    return await crypto.subtle.verify(ALGORITHM, await importedKey(publicKey), signature, message);
  } catch {
    return false; // the bytes are no key
  }
}

/** @param {Bytes} publicKey @returns {Promise<CryptoKey>} */
function importedKey(publicKey) {
  const id = String.fromCharCode(...publicKey);
  const known = imported.get(id);
  if (known) return known;
  if (imported.size >= MAXIMUM_KEYS) imported.clear();
  const key = crypto.subtle.importKey("raw", publicKey, ALGORITHM, false, ["verify"]);
  imported.set(id, key);
  return key;
}

/** @param {Signer} signer @param {Bytes} message @returns {Promise<Bytes>} */
export async function sign(signer, message) {
  return new Uint8Array(await crypto.subtle.sign(ALGORITHM, signer.privateKey, message));
}

/** @returns {Promise<CryptoKeyPair>} a new pair whose private key never leaves WebCrypto */
export async function generate() {
  const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  return /** @type {CryptoKeyPair} */ (pair);
}

/** @param {CryptoKeyPair} pair @returns {Promise<Signer>} */
export async function signerOf(pair) {
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return { privateKey: pair.privateKey, publicKey };
}

/** @returns {Promise<boolean>} whether this browser can make and use such keys (and is in a secure context) */
export async function isSupported() {
  try {
    await generate();
    return true;
  } catch {
    return false;
  }
}
