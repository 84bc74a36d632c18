/**
 * Server-rendered HTML: the one place that turns text into elements.
 *
 * The Trusted Types policy is private to this module, and what it blesses is only ever the body
 * of an HTML answer from this origin. A parsed document runs no script.
 */

/** @typedef {{ createHTML: (text: string) => string }} Policy  what TypeScript's DOM library does not know yet */

const { trustedTypes } = /** @type {{ trustedTypes?: { createPolicy: (name: string, rules: Policy) => Policy } }} */ (
  /** @type {unknown} */ (globalThis)
);
const rules = { createHTML: (/** @type {string} */ text) => text };
const policy = trustedTypes ? trustedTypes.createPolicy("countersign", rules) : rules;

const SIGNED_OUT = "You are signed out. Reload this page to sign in again.";
const NO_ANSWER = "No answer came from the server, so it is not known whether this arrived. Reload the page to see, or try again.";

/** An answer that is not a success; `fragment` is what the server says about it, for people. */
export class RefusedAnswer extends Error {
  /** @param {number} status @param {DocumentFragment} fragment */
  constructor(status, fragment) {
    super(fragment.textContent?.trim() || `The server answered with status ${status}.`);
    this.name = "RefusedAnswer";
    this.status = status;
    this.fragment = fragment;
  }
}

/**
 * Ask this origin, as the person who is signed in.
 * @param {string} url @param {RequestInit} init @returns {Promise<Response>}
 * @throws {Error} with a sentence for people, if there is no answer or it leads elsewhere
 */
export async function ask(url, init) {
  /** @type {RequestInit} */
  const confined = { credentials: "same-origin", mode: "same-origin", redirect: "manual" };
  const response = await fetch(url, { ...init, ...confined }).catch((cause) => {
    throw new Error(NO_ANSWER, { cause });
  });
  // Only the sign-in page is ever redirected to: it is no answer to what was asked.
  if (response.type === "opaqueredirect") throw new Error(SIGNED_OUT);
  return response;
}

/**
 * Fetch a fragment of a page from this origin.
 * @param {string} url @param {RequestInit} [init]
 * @returns {Promise<DocumentFragment>}
 * @throws {RefusedAnswer} if the server refuses @throws {Error} if there is no answer
 */
export async function fetchFragment(url, init = {}) {
  const headers = new Headers(init.headers);
  headers.set("Accept", "text/html");
  headers.set("HX-Request", "true");
  const response = await ask(url, { ...init, headers });
  const isHtml = response.headers.get("Content-Type")?.startsWith("text/html") ?? false;
  const fragment = isHtml ? parse(await response.text()) : document.createDocumentFragment();
  if (!response.ok) throw new RefusedAnswer(response.status, fragment);
  return fragment;
}

/**
 * Put each root of `fragment` in the place of the element with its id.
 * @param {DocumentFragment} fragment
 */
export function swapById(fragment) {
  for (const fresh of [...fragment.children]) {
    const shown = fresh.id ? document.getElementById(fresh.id) : null;
    if (shown && !shown.isEqualNode(fresh)) shown.replaceWith(fresh);
  }
}

/** @param {string} text HTML @returns {DocumentFragment} */
function parse(text) {
  const parsed = new DOMParser().parseFromString(policy.createHTML(text), "text/html");
  const fragment = document.createDocumentFragment();
  fragment.append(...[...parsed.body.childNodes].map((node) => document.importNode(node, true)));
  return fragment;
}
