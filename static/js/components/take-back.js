/**
 * <take-back>: signs, in this browser, that its person takes back their approval.
 *
 * The same review as before an approval: the request must still be what this browser computes. The fragment around
 * it may be replaced while the answer is awaited, so what went wrong is said wherever the element is by then.
 */

import { fromHex, toBase64 } from "../lib/bytes.js";
import { findKey, requireSupport, unlock } from "../lib/keystore.js";
import { Refusal } from "../lib/refusal.js";
import { retractionTerms, signRetraction } from "../lib/retraction.js";
import { review } from "../lib/review.js";
import { visible } from "../lib/visible-text.js";
import { fetchFragment } from "./fragment.js";
import { sentenceOf } from "./states.js";

const seconds = () => Math.floor(Date.now() / 1000);

class TakeBack extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      if (event.target instanceof HTMLButtonElement) this.run(event.target);
    });
  }

  /** @param {HTMLButtonElement} button */
  async run(button) {
    button.disabled = true;
    say("Signing and sending…");
    try {
      await this.send(await this.sign());
      location.reload(); // the person may decide anew, on a page that was checked anew
    } catch (error) {
      say(sentenceOf(error));
      button.disabled = false;
    }
  }

  /** @returns {Promise<import("../lib/bytes.js").Bytes>} the signed retraction */
  async sign() {
    await requireSupport();
    const signing = JSON.parse(document.getElementById("signing")?.textContent ?? "null");
    const key = await findKey(typeof signing?.external_id === "string" ? signing.external_id : "");
    if (!key) throw new Refusal("key", "This browser has no key of yours. Take it back where you approved it.");
    const { publicKey, pinnedRoots } = key;
    const { subject, problems } = await review(signing, { publicKey, pinnedRoots, now: seconds() });
    if (!subject) throw new Refusal("request", `This cannot be signed here. ${visible(problems[0]?.sentence ?? "")}`);
    const nonce = fromHex(this.dataset.nonce ?? "", "nonce");
    const signer = await unlock(key); // a passkey may take its time: the clock is read after it
    return signRetraction(retractionTerms(subject, { nonce, now: seconds() }), signer);
  }

  /** @param {import("../lib/bytes.js").Bytes} signed */
  async send(signed) {
    const body = new FormData();
    body.set("retraction", toBase64(signed));
    const token = document.querySelector("input[name='csrfmiddlewaretoken']");
    const headers = { "X-CSRFToken": token instanceof HTMLInputElement ? token.value : "" };
    await fetchFragment(this.dataset.url ?? "", { method: "POST", headers, body });
  }
}

/** @param {string} sentence */
function say(sentence) {
  document.querySelector("take-back [role='status']")?.replaceChildren(sentence);
}

customElements.define("take-back", TakeBack);
