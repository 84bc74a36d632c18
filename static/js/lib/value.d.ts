// JSDoc cannot name a type that contains itself, so this one stands here.
import type { Bytes } from "./bytes.js";
import type { Float } from "./cbor.js";

/** What CBOR decodes to. Integers are BigInt and floats are `Float`, so that 1 and 1.0 stay apart. */
export type Value = null | boolean | bigint | Float | string | Bytes | Value[] | ValueMap;

/** Integer keys only come from `decodeLoosely`. */
export type ValueMap = Map<string | number, Value>;
