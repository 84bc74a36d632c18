/**
 * Passkeys (W3C Web Authentication): from the server's JSON to what the browser takes, and back.
 *
 * Browsers have `parseCreationOptionsFromJSON` and `toJSON` of their own, but Safari only from 18.4 on.
 */

import { Refusal } from "./refusal.js";

/** @typedef {import("./bytes.js").Bytes} Bytes */
/** @typedef {{ id: string, type: string, transports?: string[] }} Descriptor */

/** @param {Uint8Array} bytes @returns {string} base64url without padding */
export function toBase64Url(bytes) {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {unknown} text base64url, padded or not @param {string} field @returns {Bytes} */
export function fromBase64Url(text, field) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*={0,2}$/.test(text)) {
    throw new Refusal(field, `The server's ${field} cannot be read. Reload the page and try again.`);
  }
  const binary = atob(text.replaceAll("=", "").replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** @param {any} json the server's answer @returns {PublicKeyCredentialCreationOptions} */
export function creationOptions(json) {
  return {
    ...json,
    challenge: fromBase64Url(json?.challenge, "challenge"),
    user: { ...json.user, id: fromBase64Url(json.user?.id, "user.id") },
    excludeCredentials: descriptors(json.excludeCredentials),
  };
}

/** @param {any} json the server's answer @returns {PublicKeyCredentialRequestOptions} */
export function requestOptions(json) {
  return {
    ...json,
    challenge: fromBase64Url(json?.challenge, "challenge"),
    allowCredentials: descriptors(json.allowCredentials),
    // Whatever the server says: holding the device is not enough.
    userVerification: "required",
  };
}

/**
 * Make a passkey. @param {unknown} json the server's creation options @returns {Promise<string>} the answer, as JSON
 */
export async function makePasskey(json) {
  return answered(await asked(() => navigator.credentials.create({ publicKey: creationOptions(json) })), [
    "clientDataJSON",
    "attestationObject",
  ]);
}

/** Use a passkey. @param {unknown} json the server's request options @returns {Promise<string>} the answer, as JSON */
export async function usePasskey(json) {
  return answered(await asked(() => navigator.credentials.get({ publicKey: requestOptions(json) })), [
    "clientDataJSON",
    "authenticatorData",
    "signature",
    "userHandle",
  ]);
}

/** @returns {boolean} whether this browser knows passkeys at all */
export function hasPasskeys() {
  return typeof PublicKeyCredential === "function" && typeof navigator.credentials?.get === "function";
}

/** @param {any} credential a PublicKeyCredential @param {string[]} fields of its response @returns {string} JSON */
export function answered(credential, fields) {
  /** @type {Record<string, string>} */
  const response = {};
  for (const field of fields) {
    const value = credential.response[field];
    if (value) response[field] = toBase64Url(new Uint8Array(value));
  }
  const id = toBase64Url(new Uint8Array(credential.rawId));
  return JSON.stringify({ id, rawId: id, type: credential.type, response, clientExtensionResults: {} });
}

/** @param {any} list @returns {PublicKeyCredentialDescriptor[]} */
function descriptors(list) {
  return (Array.isArray(list) ? list : []).map((/** @type {Descriptor} */ { id }) => ({
    id: fromBase64Url(id, "credential"),
    type: "public-key",
  }));
}

/** @param {() => Promise<Credential | null>} ask @returns {Promise<Credential>} */
async function asked(ask) {
  if (!hasPasskeys()) throw new Refusal("passkey", "This browser cannot use passkeys. Update it, or use another one.");
  try {
    const credential = await ask();
    if (credential) return credential;
  } catch (error) {
    throw new Refusal("passkey", sentence(error instanceof DOMException ? error.name : ""));
  }
  throw new Refusal("passkey", sentence(""));
}

/** @param {string} name of the browser's error @returns {string} */
function sentence(name) {
  if (name === "InvalidStateError") return "This device holds a passkey of yours already. Use another device or key.";
  if (name === "SecurityError") return "Passkeys do not work at this address. Open the site where it lives.";
  return "The passkey was not used: the prompt was closed, timed out, or could not check that it is you. Try again.";
}
