/** Typed reading of what a statement says: a missing or misshapen field is a failed step, never a crash. */

import { NotChecked, require } from "./steps.js";

/** @typedef {import("../bytes.js").Bytes} Bytes */
/** @typedef {import("../cbor.js").Value} Value */
/** @typedef {import("../cbor.js").ValueMap} ValueMap */
/** @typedef {import("./steps.js").Step} Step */

/** A map of facts, read on behalf of a step. */
export class Fields {
  /** @param {ValueMap} values @param {Step} step */
  constructor(values, step) {
    this.values = values;
    this.step = step;
  }

  /** @param {Step} step @returns {Fields} */
  forStep(step) {
    return new Fields(this.values, step);
  }

  /** @param {string} name @returns {string} */
  text(name) {
    const value = this.values.get(name);
    require(typeof value === "string", this.step, `The field '${name}' is missing or is not text.`);
    return value;
  }

  /** @param {string} name @returns {number} */
  integer(name) {
    const value = this.values.get(name);
    const fits = typeof value === "bigint" && value >= 0n;
    require(fits, this.step, `The field '${name}' is missing or is not a whole number from 0.`);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new NotChecked(this.step, `The field '${name}' is too large a number.`);
    return Number(value);
  }

  /** @param {string} name @returns {boolean} */
  flag(name) {
    const value = this.values.get(name);
    require(typeof value === "boolean", this.step, `The field '${name}' is missing or is neither true nor false.`);
    return value;
  }

  /** @param {string} name @param {number} [length] @returns {Bytes} */
  data(name, length) {
    const value = this.values.get(name);
    require(value instanceof Uint8Array, this.step, `The field '${name}' is missing or is not bytes.`);
    require(length === undefined || value.length === length, this.step, `The field '${name}' is not ${length} bytes long.`);
    return value;
  }

  /** @param {string} name @returns {Bytes[]} */
  listOfData(name) {
    const value = this.values.get(name);
    const fits = Array.isArray(value) && value.every((item) => item instanceof Uint8Array);
    require(fits, this.step, `The field '${name}' is missing or is not a list of bytes.`);
    return /** @type {Bytes[]} */ (value);
  }

  /** @param {string} name @returns {ValueMap} */
  mapping(name) {
    const value = this.values.get(name);
    require(value instanceof Map, this.step, `The field '${name}' is missing or is not a map.`);
    return value;
  }

  /** @param {string} name @returns {Fields[]} */
  listOfFields(name) {
    const value = this.values.get(name);
    const fits = Array.isArray(value) && value.every((item) => item instanceof Map);
    require(fits, this.step, `The field '${name}' is missing or is not a list of maps.`);
    return /** @type {ValueMap[]} */ (value).map((item) => new Fields(item, this.step));
  }
}
