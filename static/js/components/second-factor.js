/** <second-factor>: asks for a passkey and finishes signing in with its answer. */

import { usePasskey } from "../lib/webauthn.js";
import { postForJson } from "./post.js";
import { StatefulElement, sentenceOf } from "./states.js";

class SecondFactor extends StatefulElement {
  connectedCallback() {
    this.allowButtons(true);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.attempt();
    });
  }

  get form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form[data-part='form']"));
  }

  async attempt() {
    this.allowButtons(false);
    this.fill("error");
    this.say("Waiting for your passkey…");
    try {
      const options = await postForJson(this.dataset.challengeUrl ?? "", {}, this.form);
      const credential = this.form.elements.namedItem("credential");
      if (credential instanceof HTMLInputElement) credential.value = await usePasskey(options);
      this.form.submit();
    } catch (error) {
      this.allowButtons(true);
      this.fail(sentenceOf(error));
    }
  }
}

customElements.define("second-factor", SecondFactor);
