/**
 * <sign-warrant>: hands a warrant on to its agent, signing in this browser.
 *
 * The server's draft is decoded and held against the warrant that it comes from; what is shown is what was read from
 * the bytes, and nothing can be signed that allows more, lets others approve, or is for another key than the agent's.
 */

import { equal, fromBase64, fromHex, toBase64 } from "../lib/bytes.js";
import { describe } from "../lib/constraints.js";
import { reviewDraft, signDraft } from "../lib/handing-on.js";
import { findKey, requireSupport, unlock } from "../lib/keystore.js";
import { Refusal } from "../lib/refusal.js";
import { visible } from "../lib/visible-text.js";
import { describeGate, fingerprint, viewChain } from "../lib/warrant-view.js";
import { postForJson } from "./post.js";
import { element, warrantView } from "./signed-view.js";
import { StatefulElement, sentenceOf } from "./states.js";

/** @typedef {import("../lib/keystore.js").StoredKey} StoredKey */
/** @typedef {import("../lib/warrant.js").Warrant} Warrant */
/**
 * @typedef {object} Signing what the page says; bytes are base64, keys hexadecimal
 * @property {string} external_id @property {string} key @property {string} agent @property {string} agent_key
 * @property {string} parent @property {string} draft @property {string} url
 */

class SignWarrant extends StatefulElement {
  /** @type {StoredKey | null} */
  key = null;

  connectedCallback() {
    this.enter("checking");
    this.querySelector("[data-action='sign']")?.addEventListener("click", () => this.sign());
    this.start().catch((error) => {
      this.enter("unsupported");
      this.fail(sentenceOf(error));
    });
  }

  async start() {
    /** @type {Signing} */
    const page = JSON.parse(document.querySelector("script#signing")?.textContent ?? "{}");
    this.page = page;
    await requireSupport();
    this.key = await findKey(page.external_id);
    if (!this.key || !equal(this.key.publicKey, fromHex(page.key, "key"))) {
      this.enter("other-key");
      return;
    }
    const found = await reviewDraft(this.draft(page, this.key));
    if (found.problems.length > 0 || !found.parent || !found.child) {
      this.fill("faults", faultsList(found.problems));
      this.enter("refused");
      return;
    }
    await this.show(page, this.key, found.parent, found.child, found.lost);
    this.enter("ready");
  }

  /** @param {Signing} page @param {StoredKey} key @returns {import("../lib/handing-on.js").Draft} */
  draft(page, key) {
    return {
      parent: fromBase64(page.parent, "parent"),
      draft: fromBase64(page.draft, "draft"),
      agentKey: fromHex(page.agent_key, "agent_key"),
      ownKey: key.publicKey,
      person: page.external_id,
      pinnedRoots: key.pinnedRoots,
      now: Math.floor(Date.now() / 1000),
    };
  }

  /**
   * @param {Signing} page @param {StoredKey} key @param {Warrant} parent @param {Warrant} child
   * @param {import("../lib/handing-on.js").Lost | null} lost
   */
  async show(page, key, parent, child, lost) {
    const print = await fingerprint(child.holder);
    this.fill("words", "You sign that the agent ", element("strong", {}, visible(page.agent)), " with the key ",
      element("code", { class: "hash", title: print }, print.slice(0, 8)), " may use ", plural(child.tools.size, "tool"),
      " until ", element("strong", {}, moment(child.expiresAt)), ", and give that to nobody else. You cannot approve what it asks for under it.");
    this.fill("tools", ...[...child.tools].map((tool) => toolView(tool, child)));
    this.fill("lost", ...lostView(lost));
    this.fill("warrant", ...warrantView(await viewChain([parent, child], "", key.publicKey), true));
    const passkey = key.strength === "strong" ? " It is a strong key: your passkey is asked for when you press." : "";
    this.fill("key", `Signs with this browser’s key.${passkey}`);
  }

  async sign() {
    if (this.dataset.state !== "ready" || !this.page || !this.key) return;
    this.enter("working");
    this.fill("error");
    try {
      const signer = await unlock(this.key); // a passkey may take its time: the clock is read after it
      if (!equal(signer.publicKey, this.key.publicKey)) throw new Refusal("key", "Another key answered. Nothing was signed.");
      const signed = await signDraft(this.draft(this.page, this.key), signer);
      await postForJson(this.page.url, { warrant: toBase64(signed) }, this);
      this.emit("handed-on", {});
      location.reload();
    } catch (error) {
      this.enter("ready");
      this.stop(error);
    }
  }
}

/** @param {import("../lib/warrant.js").Problem[]} problems @returns {HTMLElement} */
function faultsList(problems) {
  return element("ul", { class: "problems" }, ...problems.map(({ field, sentence }) =>
    element("li", { "data-field": field }, element("code", {}, field), " ", sentence)));
}

/** @param {string} tool @param {Warrant} child @returns {HTMLElement} what it may be called with, and what stops it for a person */
function toolView(tool, child) {
  const gate = child.gates.get(tool);
  const asks = gate ? describeGate(gate).join("; ") : "runs without asking anybody";
  const message = gate?.message ? ` (“${visible(gate.message)}”)` : "";
  return element("li", { "data-gate": gate ? "asks" : "none" },
    element("p", {}, element("code", {}, visible(tool)), ` ${asks}${message}`),
    element("p", { class: "note" }, rulesOf(child.capabilities.get(tool))));
}

/** @param {import("../lib/warrant.js").Capability | undefined} capability @returns {string} */
function rulesOf(capability) {
  const rules = [...(capability?.constraints ?? [])].map(([name, rule]) => `${visible(name)} is ${visible(describe(rule))}`);
  if (!capability || capability.constraints.size === 0 || capability.allowsUnknown) rules.push("any other argument is anything");
  return rules.join("; ");
}

/** @param {import("../lib/handing-on.js").Lost | null} lost @returns {(Node | string)[]} */
function lostView(lost) {
  if (!lost || (lost.tools.length === 0 && lost.seconds <= 0)) return [];
  const said = [
    lost.tools.length > 0 && `without ${lost.tools.map(visible).join(", ")}`,
    lost.seconds > 0 && `${plural(Math.round(lost.seconds / 60), "minute")} sooner`,
  ].filter(Boolean);
  return [`Less than the policy gives: ${said.join("; ")}.`];
}

/** @param {number} count @param {string} one @returns {string} */
function plural(count, one) {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}

/** @param {number} seconds since 1970 @returns {string} */
function moment(seconds) {
  return `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

customElements.define("sign-warrant", SignWarrant);
