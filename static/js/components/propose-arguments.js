/**
 * <propose-arguments>: the fields in which a person who denies writes the arguments they would agree to.
 *
 * Each field keeps the type that was asked with. What the warrant says of the proposal is said while it is typed.
 */

import { Refusal } from "../lib/refusal.js";
import { judge, proposalFields, propose } from "../lib/proposal.js";
import { decode } from "../lib/cbor.js";
import { asTextMap } from "../lib/shape.js";
import { visible } from "../lib/visible-text.js";
import { element } from "./signed-view.js";

/** @typedef {import("../lib/bytes.js").Bytes} Bytes */
/** @typedef {import("../lib/cbor.js").Value} Value */
/** @typedef {import("../lib/warrant.js").Warrant} Warrant */

export class ProposeArguments extends HTMLElement {
  /** @type {Map<string, Value> | null} */
  asked = null;

  connectedCallback() {
    this.addEventListener("input", () => this.tell());
    this.addEventListener("toggle", () => this.tell(), true);
  }

  /** @param {Map<string, Value>} asked @param {Warrant} leaf @param {string} tool */
  offer(asked, leaf, tool) {
    this.asked = asked;
    this.judge = (/** @type {Map<string, Value>} */ values) => judge(leaf, tool, values);
    this.named("fields")?.replaceChildren(...proposalFields(asked).map(fieldElement));
  }

  get isOpen() {
    return this.querySelector("details")?.open ?? false;
  }

  /**
   * @returns {Bytes | null} what is proposed; null if that is nothing, or what was asked
   * @throws {Refusal} naming the argument, whose field then has the focus
   */
  read() {
    if (!this.asked || !this.isOpen) return null;
    this.fields.forEach((field) => field.removeAttribute("aria-invalid"));
    try {
      return propose(this.asked, new Map(this.fields.map((field) => [field.dataset.argument ?? "", field.value])));
    } catch (error) {
      if (error instanceof Refusal) this.mark(error.field);
      throw error;
    }
  }

  /** Say what would come of it. */
  tell() {
    this.named("verdict")?.replaceChildren(this.verdict());
  }

  verdict() {
    if (!this.isOpen) return "";
    try {
      const bytes = this.read();
      return bytes === null ? "Nothing is changed yet." : this.judge?.(asTextMap("proposed_arguments", decode(bytes))) ?? "";
    } catch (error) {
      if (error instanceof Refusal) return error.message;
      throw error;
    }
  }

  /** @param {string} field of a refusal */
  mark(field) {
    this.fields.find(({ dataset }) => `proposed_arguments.${dataset.argument}` === field)?.setAttribute("aria-invalid", "true");
  }

  focusInvalid() {
    this.fields.find((field) => field.hasAttribute("aria-invalid"))?.focus();
  }

  get fields() {
    return /** @type {(HTMLInputElement | HTMLTextAreaElement)[]} */ ([...this.querySelectorAll("[data-argument]")]);
  }

  /** @param {string} name */
  named(name) {
    return this.querySelector(`[data-part="${name}"]`);
  }
}

/** @param {import("../lib/proposal.js").Field} field @param {number} index @returns {HTMLElement} */
function fieldElement({ name, type, text, isLong }, index) {
  const id = `propose-${index}`;
  const label = element("label", { for: id }, element("code", {}, visible(name)), ` (${type})`);
  if (text === null) return element("p", { class: "note" }, element("code", {}, visible(name)), ` (${type}) stays as it is.`);
  const attributes = { id, class: "input", "data-argument": name, autocomplete: "off", spellcheck: "false" };
  const field = isLong ? element("textarea", { ...attributes, rows: "3" }) : element("input", { ...attributes, type: "text" });
  field.value = text;
  return element("div", { class: "field" }, label, field);
}

customElements.define("propose-arguments", ProposeArguments);
