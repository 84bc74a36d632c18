/**
 * <signing-key>: who signs a warrant that is ordered. Tells the form which key this browser has of the person.
 */

import { toHex } from "../lib/bytes.js";
import { findKey, requireSupport } from "../lib/keystore.js";
import { fingerprint } from "../lib/warrant-view.js";
import { element } from "./signed-view.js";
import { StatefulElement, sentenceOf } from "./states.js";

const OWN_KEY = "own_key";

class SigningKey extends StatefulElement {
  /** @type {import("../lib/keystore.js").StoredKey | null} */
  key = null;
  problem = "";

  connectedCallback() {
    this.choice?.addEventListener("change", () => this.show());
    this.start().catch((error) => {
      this.problem = sentenceOf(error);
      this.show();
    });
  }

  get choice() {
    return /** @type {HTMLSelectElement | null} */ (this.querySelector("select[name='signed_by']"));
  }

  async start() {
    await requireSupport();
    this.key = await findKey(this.dataset.externalId ?? "");
    const field = /** @type {HTMLInputElement | null} */ (this.querySelector("input[name='signer_key']"));
    if (this.key && field) field.value = toHex(this.key.publicKey);
    await this.show();
  }

  async show() {
    if (this.choice?.value !== OWN_KEY) return this.fill("status");
    if (!this.key) {
      return this.fill("status", this.problem || "This browser has no key of yours. Make one on the page Your keys first.");
    }
    const print = await fingerprint(this.key.publicKey);
    this.fill("status", "You see what you sign on the next page, and sign it with this browser’s key ",
      element("code", { class: "hash", title: print }, print.slice(0, 8)),
      ". You cannot approve what the agent asks for under it.");
    return undefined;
  }
}

customElements.define("signing-key", SigningKey);
