/** What is different between two texts, line by line: the fewest lines taken away and added. */

/** @typedef {{ kind: "same" | "removed" | "added", text: string }} Line */

/** @param {string} before @param {string} after @returns {Line[]} in the order in which people read them */
export function lineDiff(before, after) {
  const old = linesOf(before), fresh = linesOf(after);
  const inCommon = commonLengths(old, fresh);
  /** @type {Line[]} */
  const lines = [];
  let [i, j] = [0, 0];
  for (;;) {
    const [removed, added] = [old[i], fresh[j]];
    if (removed === undefined && added === undefined) return lines;
    if (removed !== undefined && removed === added) {
      lines.push({ kind: "same", text: removed });
      [i, j] = [i + 1, j + 1];
    } else if (removed !== undefined && (added === undefined || inCommon(i + 1, j) >= inCommon(i, j + 1))) {
      lines.push({ kind: "removed", text: removed });
      i += 1;
    } else if (added !== undefined) {
      lines.push({ kind: "added", text: added });
      j += 1;
    }
  }
}

/** @param {string} text @returns {string[]} */
function linesOf(text) {
  if (text === "") return [];
  return text.replace(/\n$/, "").split("\n");
}

/**
 * @param {string[]} old @param {string[]} fresh
 * @returns {(i: number, j: number) => number} how many lines old from i on and fresh from j on share, in order
 */
function commonLengths(old, fresh) {
  const width = fresh.length + 1;
  const table = new Uint16Array((old.length + 1) * width);
  const at = (/** @type {number} */ i, /** @type {number} */ j) => table[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = fresh.length - 1; j >= 0; j--) {
      table[i * width + j] = old[i] === fresh[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  return at;
}
