/**
 * <own-passkeys>: adds passkeys, and confirms with one before another is added or removed.
 *
 * The server decides whether a confirmation is needed; here it is only asked for in time.
 */

import { hasPasskeys, makePasskey, usePasskey } from "../lib/webauthn.js";
import { postForJson } from "./post.js";
import { StatefulElement, sentenceOf } from "./states.js";

class OwnPasskeys extends StatefulElement {
  isConfirmed = false;

  connectedCallback() {
    this.isConfirmed = this.dataset.fresh === "true";
    this.allowButtons(true);
    if (!hasPasskeys()) this.fail("This browser cannot use passkeys. Update it, or use another one.");
    this.querySelector("form[data-part='form']")?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.attempt(() => this.add(/** @type {HTMLFormElement} */ (event.target)));
    });
    for (const form of this.querySelectorAll("form[data-removes]")) {
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.attempt(async () => {
          await this.confirm();
          /** @type {HTMLFormElement} */ (form).submit();
        });
      });
    }
  }

  /** @param {() => Promise<void>} work */
  async attempt(work) {
    this.allowButtons(false);
    this.fill("error");
    try {
      await work();
    } catch (error) {
      this.allowButtons(true);
      this.fail(sentenceOf(error));
    }
  }

  /** Show that it is the person who signed in, unless that was just now. */
  async confirm() {
    if (this.isConfirmed) return;
    this.say("First confirm with a passkey that you have…");
    const purpose = "passkeys";
    const options = await postForJson(this.dataset.confirmChallengeUrl ?? "", { purpose }, this);
    const credential = await usePasskey(options);
    await postForJson(this.dataset.confirmUrl ?? "", { purpose, credential }, this);
    this.isConfirmed = true;
  }

  /** @param {HTMLFormElement} form */
  async add(form) {
    await this.confirm();
    this.say("Follow your browser to make the new passkey…");
    const options = await postForJson(this.dataset.challengeUrl ?? "", {}, this);
    const credential = await makePasskey(options);
    const name = form.elements.namedItem("name");
    await postForJson(form.action, { credential, name: name instanceof HTMLInputElement ? name.value : "" }, this);
    const next = new URL(this.dataset.next || location.href, location.href);
    if (this.dataset.next && next.origin === location.origin) location.assign(next.href);
    else location.reload();
  }
}

customElements.define("own-passkeys", OwnPasskeys);
