/**
 * `<claim-request>`: who is at this request, and the buttons to say that one is working on it. Saying so tells
 * others; it keeps nobody from deciding, and nothing that was typed is touched.
 */

import { RefusedAnswer, fetchFragment, swapById } from "./fragment.js";
import { LapsingClaim } from "./lapsing-claim.js";
import { sentenceOf } from "./states.js";

class ClaimRequest extends LapsingClaim {
  connectedCallback() {
    super.connectedCallback();
    for (const button of this.querySelectorAll("button")) {
      button.addEventListener("click", () => this.say(button));
    }
  }

  /** @param {HTMLButtonElement} button */
  async say(button) {
    const { say } = button.dataset;
    const { claim = "", claimUrl = "", releaseUrl = "" } = this.dataset;
    const body = new FormData();
    if (say === "take-over") body.set("take_over", claim);
    button.disabled = true;
    try {
      swapById(await fetchFragment(say === "release" ? releaseUrl : claimUrl, { method: "POST", headers: token(), body }));
      /** @type {HTMLElement | null} */ (document.querySelector(`#${this.id} button`))?.focus({ preventScroll: true });
    } catch (error) {
      button.disabled = false;
      const content = error instanceof RefusedAnswer ? error.fragment : sentenceOf(error);
      this.querySelector('[data-part="who-error"]')?.replaceChildren(content);
    }
  }
}

function token() {
  const field = document.querySelector("input[name='csrfmiddlewaretoken']");
  return { "X-CSRFToken": field instanceof HTMLInputElement ? field.value : "" };
}

customElements.define("claim-request", ClaimRequest);
