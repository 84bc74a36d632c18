/**
 * <publish-policy>: a second person publishes a version of a policy, signing in this browser.
 *
 * What is signed are the digests of the two texts that the page shows, computed here. The people root must be the one
 * that this browser pinned, and stand behind this browser's own key as a policy publisher's.
 */

import { equal, fromBase64, fromHex, toBase64 } from "../lib/bytes.js";
import { verifyChain } from "../lib/key-endorsements.js";
import { findKey, requireSupport, unlock } from "../lib/keystore.js";
import { isSamePublication, parsePublication, signPublication, textDigest } from "../lib/publication.js";
import { Refusal } from "../lib/refusal.js";
import { postForJson } from "./post.js";
import { StatefulElement, sentenceOf } from "./states.js";

/**
 * @typedef {object} Publishing what the page says
 * @property {string} external_id @property {string} people_root hexadecimal, or empty @property {string[]} chain base64
 * @property {string} name @property {number} number @property {string[]} authors
 * @property {string} text @property {string} replaced_text @property {string} url
 */

class PublishPolicy extends StatefulElement {
  /** @type {import("../lib/keystore.js").StoredKey | null} */
  key = null;

  connectedCallback() {
    this.enter("checking");
    this.querySelector("[data-action='publish']")?.addEventListener("click", () => this.publish());
    this.start().catch((error) => {
      this.enter("unsupported");
      this.fail(sentenceOf(error));
    });
  }

  async start() {
    /** @type {Publishing} */
    const page = JSON.parse(document.querySelector("script#publishing")?.textContent ?? "{}");
    this.page = page;
    await requireSupport();
    this.key = await findKey(page.external_id);
    this.enter(await this.judge());
  }

  /** @returns {Promise<string>} the state that this browser is in */
  async judge() {
    if (!this.key) return "none";
    try {
      await this.requirePublisher();
    } catch (error) {
      this.fill("why", sentenceOf(error));
      return "not-endorsed";
    }
    return "ready";
  }

  async requirePublisher() {
    if (!this.key || !this.page) throw new Refusal("key", "This browser has no key.");
    const pinned = this.key.pinnedPeopleRoots ?? [];
    if (!this.page.people_root) throw new Refusal("people_root", "There is no people root yet.");
    const root = fromHex(this.page.people_root, "people_root");
    if (!pinned.some((one) => equal(one, root))) {
      throw new Refusal("people_root", "This browser does not know this people root. Compare it on the page Your keys first.");
    }
    const chain = this.page.chain.map((text) => fromBase64(text, "chain"));
    const found = await verifyChain(chain, this.key.publicKey, "policy_publisher", pinned);
    if (found.person !== this.page.external_id) throw new Refusal("person", "The key was endorsed as another person's.");
    if (this.page.authors.includes(this.page.external_id)) {
      throw new Refusal("person", "You wrote in this version. Somebody else publishes it.");
    }
  }

  async publish() {
    if (this.dataset.state !== "ready" || !this.page || !this.key) return;
    this.enter("working");
    this.fill("error");
    try {
      await this.requirePublisher();
      const terms = await termsOf(this.page);
      const signed = await signPublication(terms, await unlock(this.key));
      if (!isSamePublication(await parsePublication(signed), terms)) {
        throw new Refusal("statement", "What was signed is not what this page shows. Nothing was sent.");
      }
      await postForJson(this.page.url, { envelope: toBase64(signed) }, this);
      this.emit("published", { number: this.page.number });
      location.reload();
    } catch (error) {
      this.enter("ready");
      this.stop(error);
    }
  }
}

/** @param {Publishing} page @returns {Promise<import("../lib/publication.js").Publication>} */
async function termsOf(page) {
  return {
    at: Date.now(),
    authors: page.authors,
    digest: await textDigest(page.text),
    number: page.number,
    person: page.external_id,
    policy: page.name,
    replaces: await textDigest(page.replaced_text),
  };
}

customElements.define("publish-policy", PublishPolicy);
