/** The order of the queue, and whether two lists show the same. */

/**
 * Most urgent first: the order of the server's query.
 *
 * @param {HTMLElement} card
 * @param {HTMLElement} other
 */
export function comesBefore(card, other) {
  const waiting = Number(isWaiting(card)) - Number(isWaiting(other));
  const rank = Number(other.dataset.rank) - Number(card.dataset.rank);
  return (waiting || rank || Number(other.dataset.expires) - Number(card.dataset.expires)) > 0;
}

/**
 * Whether somebody or something is still to act: people, or the worker that has their signatures.
 *
 * @param {HTMLElement} card
 */
export function isWaiting(card) {
  return card.dataset.state === "open" || card.dataset.state === "approved";
}

/**
 * @param {HTMLElement} shown
 * @param {HTMLElement} fresh
 */
export function sameCards(shown, fresh) {
  const marks = (/** @type {HTMLElement} */ list) =>
    [...list.querySelectorAll(".card")].map((card) => `${card.id} ${card.getAttribute("data-version")}`).join("\n");
  return shown.dataset.waiting === fresh.dataset.waiting && marks(shown) === marks(fresh);
}
