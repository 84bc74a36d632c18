/** What a change of a text means for whoever has the caret in it. */

/**
 * @param {string} before @param {string} after
 * @returns {{ start: number, end: number, freshEnd: number }} the part of `before` that went, and the end of what came
 */
export function changedPart(before, after) {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let same = 0;
  while (same < shorter - start && before[before.length - 1 - same] === after[after.length - 1 - same]) same += 1;
  const [end, freshEnd] = [before.length - same, after.length - same];
  // A line that went may begin like the next one: what went is then that line, and not its end and the next one's begin.
  for (let back = 0; back <= start; back += 1) {
    const at = start - back;
    if (at === 0 || before[at - 1] === "\n") return { start: at, end: end - back, freshEnd: freshEnd - back };
    if (before[at - 1] !== before[end - back - 1] || before[at - 1] !== after[freshEnd - back - 1]) break;
  }
  return { start, end, freshEnd };
}

/** @param {string} before @param {string} after @param {number} caret in `before` @returns {number} the same place in `after` */
export function keptCaret(before, after, caret) {
  const { start, end, freshEnd } = changedPart(before, after);
  if (caret <= start) return caret;
  return caret >= end ? caret - end + freshEnd : freshEnd;
}

/** @param {string} before @param {string} after @returns {number} the first line that is another, from 1; 0 if none is */
export function changedLine(before, after) {
  if (before === after) return 0;
  const [old, fresh] = [before.split("\n"), after.split("\n")];
  const line = fresh.findIndex((text, index) => text !== old[index]);
  return line === -1 ? fresh.length : line + 1;
}
