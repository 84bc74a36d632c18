/**
 * Text from an agent, shown so that it cannot pretend; the twin of approvals/agent_text.py.
 *
 * Marks control, bidirectional, zero-width and blank characters, letters of another script inside
 * a Latin word ("prоduction" with a Cyrillic o), words made of nothing but look-alikes, and
 * letters that only look like plain ones (fullwidth, mathematical).
 */

/** @typedef {{ text: string, marked: boolean }} Piece  marked: `text` is a name such as ⟨U+202E⟩ */

const WORD = /[\p{L}\p{N}_]+/gu;
const HIDDEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
const ALLOWED = new Set(["\n", "\t", " "]);
const LATIN = /(?![ªº\p{Lm}])\p{Script=Latin}/u;
// Scripts whose letters are taken for Latin ones.
const LOOKALIKE =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\p{Script=Lisu}\p{Script=Deseret}]/u;
// Letters of those scripts that no eye tells from a Latin one.
const TWINS = new Set("аеорсухіјѕԁԛԝһӏАВЕКМНОРСТУХІЈЅԌԚԜоοΑΒΕΖΗΙΚΜΝΟΡΤΥΧνιϲϳ");
const NOT_LATIN = /[^\p{Script=Latin}\p{Script=Common}\p{Script=Inherited}]/u;

/** @param {string} text @returns {string} with every deceiving character written as ⟨U+XXXX⟩ */
export function visible(text) {
  return pieces(text).map((piece) => piece.text).join("");
}

/** @param {string} text @returns {Piece[]} runs of plain text, and marked characters */
export function pieces(text) {
  /** @type {Piece[]} */
  const found = [];
  const shown = text.replaceAll("\r\n", "\n");
  let end = 0;
  for (const match of shown.matchAll(WORD)) {
    addAll(found, shown.slice(end, match.index), isHidden);
    addAll(found, match[0], pretenders(match[0]));
    end = match.index + match[0].length;
  }
  addAll(found, shown.slice(end), isHidden);
  return found;
}

/** @param {string} text @returns {string[]} what a reader would miss, as short sentences */
export function notes(text) {
  const found = [];
  if (text === "") found.push("is empty");
  if (/^\s/u.test(text)) found.push("begins with a space");
  if (/\s$/u.test(text)) found.push("ends with a space");
  if (/[\r\n]/u.test(text)) found.push("has several lines");
  if (NOT_LATIN.test(text)) found.push("has letters that are not Latin");
  return found;
}

/** @param {Piece[]} found @param {string} text @param {(character: string) => boolean} isMarked */
function addAll(found, text, isMarked) {
  for (const character of text) {
    const last = found.at(-1);
    if (isMarked(character)) found.push({ text: named(character), marked: true });
    else if (last && !last.marked) last.text += character;
    else found.push({ text: character, marked: false });
  }
}

/** @param {string} character @returns {string} */
function named(character) {
  return `⟨U+${Number(character.codePointAt(0)).toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/** @param {string} character @returns {boolean} */
function isHidden(character) {
  return !ALLOWED.has(character) && HIDDEN.test(character);
}

/** @param {string} word @returns {(character: string) => boolean} which of its characters pretend */
function pretenders(word) {
  const foreign = [...word].filter((character) => character > "\u007f" && /\p{L}/u.test(character));
  const isMixed = LATIN.test(word) && LOOKALIKE.test(word);
  const deceives = isMixed || foreign.every((character) => TWINS.has(character));
  return (character) => isHidden(character) || (deceives ? LOOKALIKE.test(character) : posesAsPlain(character));
}

/** @param {string} character @returns {boolean} whether it stands in for a plain letter or digit (fullwidth, mathematical) */
function posesAsPlain(character) {
  return character > "\u007f" && /^[A-Za-z0-9]$/.test(character.normalize("NFKC")) && !"ªº¹²³".includes(character);
}
