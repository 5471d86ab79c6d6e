/** A built prompt: what a model is sent, the same for every platform. */
export type Role = 'system' | 'user' | 'assistant';

export interface Message {
  readonly role: Role;
  readonly content: string;
}
