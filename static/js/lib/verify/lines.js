/** A file's lines, of which only the next few are ever in memory. */

import { concat, fromText } from "../bytes.js";
import { UnusableInput } from "./steps.js";
import { FORMAT } from "./reading.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {{ number: number, data: Bytes | null, end: number }} RawLine `data` with its newline, null if the line is longer than
 *     MAXIMUM_LINE; `end`: how many bytes of the file end with it */

const CHUNK_BYTES = 4 * 1024 * 1024;
export const MAXIMUM_LINE = 64 * 1024 * 1024;
const NEWLINE = 10;

/** @param {Blob} file @returns {AsyncGenerator<RawLine>} */
export async function* linesOf(file) {
  if (file.size === 0) throw new UnusableInput("The file is empty. Give a file that was written by export_receipts.");
  await requireFormat(file);
  /** @type {Bytes[]} */
  let parts = [];
  let [number, length] = [1, 0];
  for (let start = 0; start < file.size; start += CHUNK_BYTES) {
    const chunk = new Uint8Array(await file.slice(start, start + CHUNK_BYTES).arrayBuffer());
    for (let from = 0; from < chunk.length;) {
      const newline = chunk.indexOf(NEWLINE, from);
      const to = newline < 0 ? chunk.length : newline + 1;
      length += to - from;
      if (length <= MAXIMUM_LINE) parts.push(chunk.subarray(from, to));
      if (newline >= 0 || start + to === file.size) {
        yield { number, data: length <= MAXIMUM_LINE ? concat(...parts) : null, end: start + to };
        [parts, number, length] = [[], number + 1, 0];
      }
      from = to;
    }
  }
}

/** @param {Blob} file whose first line says its format, whatever else is wrong with it */
async function requireFormat(file) {
  const beginning = new Uint8Array(await file.slice(0, CHUNK_BYTES).arrayBuffer());
  const newline = beginning.indexOf(NEWLINE);
  if (!includes(newline < 0 ? beginning : beginning.subarray(0, newline), fromText(FORMAT))) {
    throw new UnusableInput(`The file is not in the form ${FORMAT}. Give a file that was written by export_receipts.`);
  }
}

/** @param {Bytes} data @param {Bytes} part @returns {boolean} */
function includes(data, part) {
  const first = Number(part[0]);
  for (let at = data.indexOf(first); at >= 0; at = data.indexOf(first, at + 1)) {
    if (part.every((byte, index) => data[at + index] === byte)) return true;
  }
  return false;
}
