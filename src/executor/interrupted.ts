/** A program was ended by the same hand that ends its instance: the attempt is interrupted, which is free of charge. */
export class Interrupted extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Interrupted';
  }
}
