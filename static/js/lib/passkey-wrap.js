/**
 * Strong keys: the private key is kept wrapped, and only a passkey's secret unwraps it.
 *
 *     secret   = WebAuthn PRF of the passkey over "countersign-key-wrap-v1" || 00 || salt    (32 bytes)
 *     wrapping = HKDF-SHA-256(secret, salt, info "countersign-key-wrap-v1 aes-256-gcm"), an AES-256 key
 *     wrapped  = AES-256-GCM(wrapping, iv, PKCS #8 of the Ed25519 key, additional data = owner)
 *     owner    = canonical CBOR map {"external_id", "public_key": bytes 32, "version": 1}
 *
 * The salt is 32 random bytes for each key. The passkey signs nobody in: the server never hears of it.
 */

import { concat, fromText } from "./bytes.js";
import { encode, map } from "./cbor.js";
import { sign, signerOf, verify } from "./ed25519.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {import("./ed25519.js").Signer} Signer */
/** @typedef {{ externalId: string, publicKey: Bytes }} Owner  whose key is wrapped */
/**
 * What is kept of a strong key. None of it is secret.
 * @typedef {object} Wrapped
 * @property {1} version
 * @property {Bytes} credentialId the passkey's
 * @property {Bytes} salt 32 bytes
 * @property {Bytes} iv 12 bytes
 * @property {Bytes} bytes the wrapped key
 */
/** @typedef {(wanted: { credentialId: Bytes, salt: Bytes }) => Promise<Bytes>} AskPasskey  for its 32-byte secret */

const LABEL = "countersign-key-wrap-v1";
const WRAPPING = { name: "AES-GCM", length: 256 };
// COSE: EdDSA, ES256, RS256. Nobody checks the passkey's own signatures; authenticators have to offer one.
const PASSKEY_ALGORITHMS = [-8, -7, -257];
const PATIENCE_MILLISECONDS = 120_000;

const NO_SECRET = "This passkey cannot keep a strong key: it, or this browser, lacks the PRF extension. "
  + "Use a passkey of Google Password Manager, iCloud Keychain, or a recent security key; or make an ordinary key.";

/** The person closed the prompt, or let it pass. Nothing happened. */
export class Cancelled extends Refusal {
  /** @param {string} sentence */
  constructor(sentence) {
    super("passkey", sentence);
    this.name = "Cancelled";
  }
}

/** @throws {Refusal} where it is known beforehand that no passkey can wrap a key */
export async function requirePasskeys() {
  if (!globalThis.PublicKeyCredential || !navigator.credentials) {
    throw new Refusal("passkey", "This browser has no passkeys, so it can only keep an ordinary key.");
  }
  const known = await /** @type {any} */ (PublicKeyCredential).getClientCapabilities?.();
  if (known?.["extension:prf"] === false) throw new Refusal("passkey", NO_SECRET);
}

/**
 * Make a passkey of this site that can keep a secret. It is for this purpose only.
 * @param {string} externalId shown by the passkey manager @returns {Promise<Bytes>} the credential's id
 */
export async function makePasskey(externalId) {
  await requirePasskeys();
  const name = `${externalId} (signing key)`;
  const made = await asked("Nothing was made.", () => navigator.credentials.create({
    publicKey: {
      rp: { id: location.hostname, name: "Countersign" },
      user: { id: random(16), name, displayName: name },
      challenge: random(32),
      pubKeyCredParams: PASSKEY_ALGORITHMS.map((alg) => ({ type: "public-key", alg })),
      authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
      attestation: "none",
      timeout: PATIENCE_MILLISECONDS,
      extensions: { prf: {} },
    },
  }));
  const credentialId = new Uint8Array(made.rawId);
  if (made.getClientExtensionResults().prf?.enabled !== true) {
    await forgetPasskey(credentialId);
    throw new Refusal("passkey", `${NO_SECRET} Nothing was kept here.`);
  }
  return credentialId;
}

/** Ask the passkey manager to drop a passkey that is of no use. @param {Bytes} credentialId */
export async function forgetPasskey(credentialId) {
  const id = btoa(String.fromCharCode(...credentialId)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const signal = /** @type {any} */ (globalThis.PublicKeyCredential)?.signalUnknownCredential;
  // Not every browser can; then a passkey without use stays in the manager, where the person can delete it.
  await signal?.call(PublicKeyCredential, { rpId: location.hostname, credentialId: id }).catch(() => {});
}

/** Have the passkey give its secret, with the person present and verified. @type {AskPasskey} */
export async function askPasskey({ credentialId, salt }) {
  const used = await asked("Nothing was signed, and what you typed is still here.", () => navigator.credentials.get({
    publicKey: {
      challenge: random(32),
      rpId: location.hostname,
      allowCredentials: [{ type: "public-key", id: credentialId }],
      userVerification: "required",
      timeout: PATIENCE_MILLISECONDS,
      extensions: { prf: { eval: { first: prfInput(salt) } } },
    },
  }));
  const secret = used.getClientExtensionResults().prf?.results?.first;
  if (!secret) throw new Refusal("passkey", NO_SECRET);
  return secret instanceof ArrayBuffer ? new Uint8Array(secret) : new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength);
}

/** @param {Bytes} salt @returns {Bytes} what the passkey's secret is made from */
export function prfInput(salt) {
  return concat(fromText(LABEL), Uint8Array.of(0), salt);
}

/**
 * Make an Ed25519 key and wrap it at once. It is extractable between the two, and never again.
 * @param {string} externalId @param {Bytes} credentialId @param {AskPasskey} [ask]
 * @returns {Promise<{ wrapped: Wrapped, signer: Signer }>} the signer comes out of the wrapped bytes
 */
export async function wrapNewKey(externalId, credentialId, ask = askPasskey) {
  const [salt, iv] = [random(32), random(12)];
  const wrapping = await wrappingKey(await ask({ credentialId, salt }), salt);
  const pair = /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]));
  const { publicKey } = await signerOf(pair);
  const owner = { externalId, publicKey };
  const sealed = await crypto.subtle.wrapKey("pkcs8", pair.privateKey, wrapping, cipher(iv, owner));
  const wrapped = { version: /** @type {1} */ (1), credentialId, salt, iv, bytes: new Uint8Array(sealed) };
  // Nothing is kept that could not be used later.
  return { wrapped, signer: await unwrapWith(wrapping, wrapped, owner) };
}

/**
 * A signer for one signature: whoever asked for it drops it after that.
 * @param {Wrapped} wrapped @param {Owner} owner @param {AskPasskey} [ask] @returns {Promise<Signer>}
 */
export async function unwrapKey(wrapped, owner, ask = askPasskey) {
  const { credentialId, salt } = wrapped;
  return unwrapWith(await wrappingKey(await ask({ credentialId, salt }), salt), wrapped, owner);
}

/** @param {CryptoKey} wrapping @param {Wrapped} wrapped @param {Owner} owner @returns {Promise<Signer>} */
async function unwrapWith(wrapping, { iv, bytes }, owner) {
  let privateKey;
  try {
    privateKey = await crypto.subtle.unwrapKey("pkcs8", bytes, wrapping, cipher(iv, owner), "Ed25519", false, ["sign"]);
  } catch {
    throw new Refusal("passkey",
      "This passkey does not open this browser's key, or the kept key was changed. Nothing was signed. Revoke the key and make a new one.");
  }
  const signer = { privateKey, publicKey: owner.publicKey };
  const probe = random(32);
  if (!(await verify(owner.publicKey, await sign(signer, probe), probe))) {
    throw new Refusal("public_key", "The kept key is not the one it says. Nothing was signed.");
  }
  return signer;
}

/** @param {Bytes} secret overwritten @param {Bytes} salt @returns {Promise<CryptoKey>} cannot be exported */
async function wrappingKey(secret, salt) {
  if (secret.length !== 32) throw new Refusal("passkey", "The passkey's secret is not 32 bytes. Nothing was signed.");
  const source = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  secret.fill(0);
  const derivation = { name: "HKDF", hash: "SHA-256", salt, info: fromText(`${LABEL} aes-256-gcm`) };
  return crypto.subtle.deriveKey(derivation, source, WRAPPING, false, ["wrapKey", "unwrapKey"]);
}

/** @param {Bytes} iv @param {Owner} owner @returns {AesGcmParams} */
function cipher(iv, { externalId, publicKey }) {
  const additionalData = encode(map({ external_id: externalId, public_key: publicKey, version: 1n }));
  return { name: "AES-GCM", iv, additionalData };
}

/** @param {number} length @returns {Bytes} */
function random(length) {
  return crypto.getRandomValues(new Uint8Array(length));
}

/**
 * @param {string} meaning what did not happen if the person closes the prompt
 * @param {() => Promise<Credential | null>} prompt @returns {Promise<PublicKeyCredential>}
 */
async function asked(meaning, prompt) {
  try {
    const answer = await prompt();
    if (answer instanceof PublicKeyCredential) return answer;
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    if (name === "SecurityError") {
      throw new Refusal("passkey", `This browser uses passkeys only at a named address over HTTPS, or on localhost. ${meaning}`);
    }
    if (name !== "NotAllowedError" && name !== "AbortError") {
      throw new Refusal("passkey", `The passkey could not be used. ${meaning}`);
    }
  }
  throw new Cancelled(`The passkey was not used. ${meaning} You can go on whenever you like.`);
}
