/**
 * <endorse-keys>: a security administrator endorses keys, signing in this browser.
 *
 * The server's word is not enough to sign: the people root must be the one that this browser pinned, it must stand
 * behind this browser's own key, and the waiting key must itself have signed that it is the person's who is named.
 */

import { equal, fromBase64, fromHex, toBase64 } from "../lib/bytes.js";
import { parseEndorsement, signEndorsement, verifyChain } from "../lib/key-endorsements.js";
import { findKey, pinPeopleRoots, requireSupport, unlock } from "../lib/keystore.js";
import { Refusal } from "../lib/refusal.js";
import { Context, parseEnvelope, verifyEnvelope } from "../lib/statements.js";
import { fingerprint } from "../lib/warrant-view.js";
import { ask } from "./fragment.js";
import { StatefulElement, sentenceOf } from "./states.js";

/** @typedef {import("../lib/bytes.js").Bytes} Bytes */
/** @typedef {{ key: string, person: string, role: string, strength: string, fingerprint: string, name: string, proof: string }} Waiting */
/** @typedef {{ external_id: string, people_root: string, chain: string[], waiting: Waiting[], url: string }} Endorsing */

class EndorseKeys extends StatefulElement {
  /** @type {import("../lib/keystore.js").StoredKey | null} */
  key = null;

  connectedCallback() {
    this.enter("checking");
    for (const button of this.querySelectorAll("[data-action='pin']")) {
      button.addEventListener("click", () => this.attempt(() => this.pin()));
    }
    for (const row of this.querySelectorAll("[data-endorse]")) {
      row.querySelector("[data-action='endorse']")?.addEventListener("click", () => this.attempt(() => this.endorse(row)));
    }
    this.start().catch((error) => {
      this.enter("unsupported");
      this.fail(sentenceOf(error));
    });
  }

  async start() {
    this.endorsing = readEndorsing(this);
    await requireSupport();
    this.key = await findKey(this.endorsing.external_id);
    await this.show();
  }

  get page() {
    if (!this.endorsing) throw new Error("The page says nothing of endorsements. Reload it.");
    return this.endorsing;
  }

  async show() {
    const state = await this.judge();
    this.enter(state);
    for (const button of this.querySelectorAll("[data-action='endorse']")) button.toggleAttribute("disabled", state !== "ready");
  }

  /** @returns {Promise<string>} the state that this browser is in */
  async judge() {
    if (!this.key) return "none";
    if (!this.page.people_root) return "no-root";
    const root = fromHex(this.page.people_root, "people_root");
    const pinned = this.key.pinnedPeopleRoots ?? [];
    this.fill("pinned", ...(await Promise.all(pinned.map(inGroups))));
    if (pinned.length === 0) return "unpinned";
    if (!pinned.some((one) => equal(one, root))) return "root-changed";
    try {
      await this.requireAdministrator();
    } catch (error) {
      this.fill("why", `${sentenceOf(error)} Ask another security administrator to endorse it.`);
      return "not-endorsed";
    }
    this.fill("own", `Key ${(await fingerprint(this.key.publicKey)).slice(0, 8)}, verified here from the people root that this browser pinned.`);
    return "ready";
  }

  async requireAdministrator() {
    if (!this.key) throw new Refusal("key", "This browser has no key.");
    const chain = this.page.chain.map((text) => fromBase64(text, "chain"));
    const found = await verifyChain(chain, this.key.publicKey, "security_administrator", this.key.pinnedPeopleRoots ?? []);
    if (found.person !== this.page.external_id) throw new Refusal("person", "The key was endorsed as another person's.");
  }

  async pin() {
    if (!this.key) return;
    this.key = await pinPeopleRoots(this.key, [fromHex(this.page.people_root, "people_root")]);
    this.say("This browser now believes this people root, and no other.");
  }

  /** @param {() => Promise<void>} work */
  async attempt(work) {
    if (this.dataset.state === "working") return;
    this.enter("working");
    this.fill("error");
    try {
      await work();
    } catch (error) {
      this.fail(sentenceOf(error));
    }
    await this.show();
  }

  /** @param {Element} row the waiting key, as the page shows it */
  async endorse(row) {
    const { key: shown, role } = /** @type {HTMLElement} */ (row).dataset;
    const waiting = this.page.waiting.find((one) => one.fingerprint === shown && one.role === role);
    if (!waiting || !this.key) throw new Refusal("key", "The page does not say which key this is. Reload it.");
    const key = fromHex(waiting.key, "key");
    if ((await fingerprint(key)) !== shown) throw new Refusal("key", "The fingerprint shown is not that of the key.");
    if (waiting.person === this.page.external_id) throw new Refusal("person", "Nobody endorses a key of their own.");
    await this.requireAdministrator();
    await requireProof(waiting, key);
    const terms = { at: Date.now(), key, person: waiting.person, role: asRole(waiting.role), strength: waiting.strength };
    const signed = await signEndorsement(terms, await unlock(this.key));
    await requireSame(signed, terms);
    await this.post(signed);
    this.say(`“${waiting.name}” of ${waiting.person} is endorsed.`);
    this.emit("endorsed", { fingerprint: shown });
    location.reload();
  }

  /** @param {Bytes} envelope */
  async post(envelope) {
    const body = new FormData();
    body.set("envelope", toBase64(envelope));
    const token = this.querySelector("form[data-part='form'] input[name='csrfmiddlewaretoken']");
    const headers = { Accept: "application/json", "X-CSRFToken": token instanceof HTMLInputElement ? token.value : "" };
    const response = await ask(this.page.url, { method: "POST", headers, body });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.message ?? `The server answered with status ${response.status}.`);
  }
}

/** Read back what was signed: it must say what the page said, and nothing else. @param {Bytes} signed @param {import("../lib/key-endorsements.js").KeyEndorsement | any} terms */
async function requireSame(signed, terms) {
  const found = await parseEndorsement(signed);
  const isSame = equal(found.key, terms.key) && found.person === terms.person && found.role === terms.role
    && found.strength === terms.strength && found.at === terms.at;
  if (!isSame) throw new Refusal("statement", "What was signed is not what this page says. Nothing was sent.");
}

/** The key itself signed, when it was enrolled, whose it is. @param {Waiting} waiting @param {Bytes} key */
async function requireProof(waiting, key) {
  const proof = parseEnvelope(fromBase64(waiting.proof, "proof"));
  const { facts } = proof;
  const names = [":", "#"].map((separator) => `${facts.get("issuer")}${separator}${facts.get("subject")}`);
  const isOwn = equal(proof.signerKey, key) && names.includes(waiting.person) && facts.get("origin") === location.origin;
  if (!isOwn || !(await verifyEnvelope(Context.ENROLMENT, proof))) {
    throw new Refusal("proof", "The key has not signed that it belongs to the person named beside it. Do not endorse it.");
  }
}

/** @param {string} role @returns {import("../lib/key-endorsements.js").EndorsedRole} */
function asRole(role) {
  if (role !== "approver" && role !== "policy_publisher" && role !== "security_administrator") throw new Refusal("role", "The role is not known here.");
  return role;
}

/** @param {Bytes} key @returns {Promise<string>} its fingerprint, in groups that can be read aloud */
async function inGroups(key) {
  return (await fingerprint(key)).replace(/.{8}(?=.)/g, "$& ");
}

/** @param {HTMLElement} within @returns {Endorsing} */
function readEndorsing(within) {
  return JSON.parse(within.querySelector("script#endorsing")?.textContent ?? "{}");
}

customElements.define("endorse-keys", EndorseKeys);
