/** How long is left, in words for eyes and for ears. */

/** @param {number} seconds whole seconds @returns {string} */
export function inWords(seconds) {
  if (seconds <= 0) return "time is over";
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, "0")} min left`;
  return `${minutes}:${String(seconds % 60).padStart(2, "0")} left`;
}

/**
 * For how long something has been so; a few seconds of disagreement between clocks are nothing.
 * @param {number} seconds whole seconds @returns {string}
 */
export function forWords(seconds) {
  if (seconds < 60) return "for less than a minute";
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `for ${minutes} min`;
  return `for ${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** @param {number} seconds whole seconds @returns {string} */
export function spoken(seconds) {
  if (seconds <= 0) return "The time is over.";
  const minutes = Math.ceil(seconds / 60);
  return minutes === 1 ? "One minute left." : `${minutes} minutes left.`;
}
