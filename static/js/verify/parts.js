/** Pieces of the page. Whatever a file says becomes text, with what could deceive the eye made visible; nothing becomes HTML. */

import { pieces } from "../lib/visible-text.js";

/** @typedef {"right" | "wrong" | "open"} Verdict */

// Sent to details that are about to be opened by the page itself.
export const FILL = "fill";
export const SIGNS = { right: "✓", wrong: "✗", open: "?" };
// A browser lays out so many at once without a pause that people notice.
const PAGE = 200;

/** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
export function find(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`The page has no ${id}.`);
  return found;
}

/** @param {string} tag @param {...(string | Node)} parts text is made visible @returns {HTMLElement} */
export function make(tag, ...parts) {
  const element = document.createElement(tag);
  element.append(...parts.flatMap((part) => (typeof part === "string" ? shown(part) : [part])));
  return element;
}

/** @param {string} text @returns {(string | Node)[]} */
export function shown(text) {
  return pieces(text).map((piece) => {
    if (!piece.marked) return piece.text;
    const mark = document.createElement("mark");
    mark.textContent = piece.text;
    return mark;
  });
}

/** @param {Verdict} kind @param {string} tag @param {...(string | Node)} parts @returns {HTMLElement} */
export function judgedPart(kind, tag, ...parts) {
  const element = make(tag, ...parts);
  element.dataset.verdict = kind;
  return element;
}

/**
 * Details that are filled when they are first opened, because a file may have a hundred thousand lines.
 * @param {Node[]} summary @param {() => Node[]} fill @param {boolean} isOpen @returns {HTMLDetailsElement}
 */
export function folded(summary, fill, isOpen) {
  const details = document.createElement("details");
  details.append(make("summary", ...summary));
  let isFilled = false;
  const open = () => {
    if (!isFilled) details.append(...fill());
    isFilled = true;
  };
  details.addEventListener("toggle", () => details.open && open());
  details.addEventListener(FILL, open);
  if (isOpen) {
    open();
    details.open = true;
  }
  return details;
}

/**
 * A list that shows its first items, and more when asked.
 * @template T @param {"ol" | "ul"} tag @param {T[]} items @param {(item: T) => HTMLElement} render
 * @returns {[HTMLElement, HTMLElement]} the list, and the button for more
 */
export function paged(tag, items, render) {
  const list = make(tag);
  let count = 0;
  const more = document.createElement("button");
  more.type = "button";
  more.className = "plain";
  const show = () => {
    list.append(...items.slice(count, count + PAGE).map(render));
    count = Math.min(count + PAGE, items.length);
    more.hidden = count === items.length;
    more.textContent = `Show ${Math.min(PAGE, items.length - count)} more of ${items.length}`;
  };
  more.addEventListener("click", show);
  show();
  return [list, more];
}

/** @param {string} name @param {string | Node} value @returns {Node[]} */
export function fact(name, value) {
  return [make("dt", name), make("dd", value)];
}

/** @param {number} number @param {string} thing @returns {string} such as "1 entry" or "1,000 entries" */
export function counted(number, thing) {
  const plural = thing.endsWith("y") ? `${thing.slice(0, -1)}ies` : `${thing}s`;
  return `${number.toLocaleString("en")} ${number === 1 ? thing : plural}`;
}

/** @param {number} bytes @returns {string} such as "1.4 MB" */
export function sizeOf(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
