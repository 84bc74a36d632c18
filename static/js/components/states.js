/** What both signing elements share: their state, and what they say. */

import { Cancelled } from "../lib/passkey-wrap.js";

export class StatefulElement extends HTMLElement {
  /** Show the children that belong to `state`. @param {string} state */
  enter(state) {
    this.dataset.state = state;
    for (const child of this.querySelectorAll("[data-when]")) {
      child.toggleAttribute("hidden", !child.getAttribute("data-when")?.split(" ").includes(state));
    }
  }

  /** Fill the child with this name, if the page has it. @param {string} name @param {...(Node | string)} content */
  fill(name, ...content) {
    this.querySelector(`[data-part="${name}"]`)?.replaceChildren(...content);
  }

  /** Progress, announced politely. @param {string} sentence */
  say(sentence) {
    this.fill("status", sentence);
  }

  /** What went wrong, announced at once. @param {string} message @param {Node} [content] */
  fail(message, content) {
    this.say("");
    this.fill("error", content ?? message);
    this.emit("error", { message });
  }

  /** Why something ended early: calmly, if the person wanted it so. @param {unknown} error @param {Node} [content] */
  stop(error, content) {
    if (error instanceof Cancelled) this.say(error.message);
    else this.fail(sentenceOf(error), content);
  }

  /** @param {string} name @param {object} detail */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(`countersign:${name}`, { bubbles: true, detail }));
  }

  /** A button that something holds (`data-hold`) stays off. @param {boolean} isAllowed */
  allowButtons(isAllowed) {
    const buttons = this.querySelectorAll("form[data-part='form'] button, button[data-action]");
    for (const button of buttons) button.toggleAttribute("disabled", !isAllowed || button.hasAttribute("data-hold"));
  }
}

/** @param {unknown} error @returns {string} a sentence for people */
export function sentenceOf(error) {
  return error instanceof Error ? error.message : String(error);
}
