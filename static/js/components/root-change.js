/**
 * <root-change>: the roots a browser pinned beside those the page shows now, and the one way to accept
 * others: typing what was read to the person, for every new root. It pins nothing; <enrol-key> does.
 */

import { inGroups, isReadBack, rootChange } from "../lib/root-change.js";
import { fingerprint } from "../lib/warrant-view.js";
import { element } from "./signed-view.js";

/** @typedef {import("../lib/bytes.js").Bytes} Bytes */

export class RootChangeElement extends HTMLElement {
  /** @type {Bytes[]} */
  added = [];

  connectedCallback() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.accept();
    });
  }

  get form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form"));
  }

  get inputs() {
    return /** @type {HTMLInputElement[]} */ ([...this.form.querySelectorAll("input")]);
  }

  /** @param {Bytes[]} pinned @param {Bytes[]} shown by the page */
  async show(pinned, shown) {
    const { added, removed, kept } = rootChange(pinned, shown);
    this.added = added;
    await this.list("old", removed, "No root that this browser knows was taken away.");
    await this.list("new", added, "There is no new one.");
    await this.list("kept", kept, "");
    this.querySelector("[data-root-part='kept-line']")?.toggleAttribute("hidden", kept.length === 0);
    this.questions.replaceChildren(...(added.length ? added.map((_, index) => question(index, added.length)) : [removal()]));
    // Without any root no warrant could be believed: there is nothing to accept.
    this.form.toggleAttribute("hidden", shown.length === 0);
    this.tell("");
  }

  get questions() {
    return /** @type {HTMLElement} */ (this.querySelector("[data-root-part='questions']"));
  }

  /** @param {string} part @param {Bytes[]} roots @param {string} none */
  async list(part, roots, none) {
    const prints = await Promise.all(roots.map(fingerprint));
    const shown = prints.map((print) => element("p", { class: "fingerprint" }, element("code", { class: "hash" }, inGroups(print))));
    this.querySelector(`[data-root-part='${part}']`)?.replaceChildren(...(shown.length ? shown : [none]));
  }

  async accept() {
    for (const [index, input] of this.inputs.entries()) {
      const root = this.added[index];
      const isRight = root ? await isReadBack(input.value, root) : input.checked;
      input.toggleAttribute("aria-invalid", false);
      if (isRight) continue;
      input.setAttribute("aria-invalid", "true");
      input.focus();
      this.tell(root
        ? "These are not the first two groups of the new root. Nothing was changed. If they are what was read to you, do not go on: tell your security team."
        : "Tick the sentence first. Nothing was changed.");
      return;
    }
    this.dispatchEvent(new CustomEvent("countersign:root-accepted", { bubbles: true }));
  }

  /** @param {string} sentence */
  tell(sentence) {
    this.querySelector("[data-root-part='error']")?.replaceChildren(sentence);
  }
}

/** @param {number} index @param {number} count @returns {HTMLElement} a field for one new root */
function question(index, count) {
  const which = count > 1 ? `new root ${index + 1}` : "the new root";
  const id = `read-back-${index}`;
  const field = { id, autocomplete: "off", spellcheck: "false", autocapitalize: "off", maxlength: "40" };
  return element("div", { class: "field" },
    element("label", { for: id }, `The first two groups of ${which}, as they were read to you`),
    element("input", field));
}

/** @returns {HTMLElement} what is ticked where roots are only taken away */
function removal() {
  const id = "roots-removed";
  return element("div", { class: "field field--check" },
    element("input", { id, type: "checkbox" }),
    element("label", { for: id }, "I was told, and not by this page, that this browser shall no longer believe the old roots above."));
}

customElements.define("root-change", RootChangeElement);
