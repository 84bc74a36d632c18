/** Bytes, or a request, that this browser will not go on with. */
export class Refusal extends Error {
  /**
   * @param {string} field what is wrong, by the name the protocol gives it
   * @param {string} sentence one sentence for a person
   */
  constructor(field, sentence) {
    super(sentence);
    this.name = "Refusal";
    this.field = field;
  }
}
