/**
 * <step-up>: confirms that it is the person, for one request, before they approve it.
 *
 * With a passkey that happens in place. At a provider the page is left and comes back; a typed reason is kept for
 * this request until then, in this tab only.
 */

import { usePasskey } from "../lib/webauthn.js";
import { RefusedAnswer } from "./fragment.js";
import { postForJson } from "./post.js";

const NO_MEANS = "This needs a passkey, and you have none yet. Add one: what you typed is kept for when you come back.";

/** Thrown while the browser is on its way to the provider: there is nothing to say. */
export class Leaving extends Error {}

export class StepUp extends HTMLElement {
  /** UTC milliseconds until which a confirmation of this request can be used. */
  usableUntil = 0;

  connectedCallback() {
    this.usableUntil = Number(this.dataset.usableUntil ?? 0) * 1000;
    this.restoreReason();
    this.show();
    this.querySelector("form")?.addEventListener("submit", () => this.keepReason());
    this.querySelector("a[data-keeps-reason]")?.addEventListener("click", () => this.keepReason());
  }

  get isConfirmed() {
    return Date.now() < this.usableUntil;
  }

  /** Show what is true: confirmed, or still to be confirmed. */
  show() {
    for (const part of this.querySelectorAll("[data-confirmed]")) {
      part.toggleAttribute("hidden", (part.getAttribute("data-confirmed") === "true") !== this.isConfirmed);
    }
  }

  /**
   * Resolves when the server holds a confirmation for this request.
   * @returns {Promise<void>} @throws {Leaving} if the page is being left @throws {Error} with a sentence
   */
  async confirm() {
    if (this.isConfirmed) return;
    this.show();
    if (this.dataset.means === "provider") {
      this.keepReason();
      this.querySelector("form")?.submit();
      throw new Leaving();
    }
    if (this.dataset.means !== "passkey") throw new Error(NO_MEANS);
    const purpose = this.dataset.purpose ?? "";
    const options = await postForJson(this.dataset.challengeUrl ?? "", { purpose }, document);
    const credential = await usePasskey(options);
    const { at } = await postForJson(this.dataset.url ?? "", { purpose, credential }, document);
    this.usableUntil = (at + Number(this.dataset.seconds)) * 1000;
  }

  /**
   * Confirm, then send; once more if the server says that the confirmation no longer counts.
   * @template Answer @param {() => Promise<Answer>} send @returns {Promise<Answer>}
   */
  async guard(send) {
    await this.confirm();
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof RefusedAnswer) || !error.fragment.querySelector("[data-code='step_up_needed']")) throw error;
      this.usableUntil = 0;
      await this.confirm();
      return send();
    } finally {
      this.show();
    }
  }

  get storageKey() {
    return `countersign:reason:${this.dataset.purpose}`;
  }

  get reason() {
    return /** @type {HTMLTextAreaElement | null} */ (document.querySelector("textarea[name='reason']"));
  }

  keepReason() {
    if (this.reason?.value) sessionStorage.setItem(this.storageKey, this.reason.value);
  }

  restoreReason() {
    const kept = sessionStorage.getItem(this.storageKey);
    sessionStorage.removeItem(this.storageKey);
    if (kept && this.reason && !this.reason.value) this.reason.value = kept;
  }
}

customElements.define("step-up", StepUp);
