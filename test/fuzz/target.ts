/** What a target of the fuzzer is. */
import { TidemarkError } from "../../src/core/errors.ts";

/** Reads bytes from outside in one way. `run` must end, with an answer or an error that it may throw. */
export interface Target {
  readonly name: string;
  /** Inputs that are right, to begin with. */
  seeds(): Uint8Array[];
  /** Words of its language. */
  readonly words?: readonly Uint8Array[];
  run(input: Uint8Array): void | Promise<void>;
  mayThrow(error: unknown): boolean;
  open?(): Promise<void>;
  close?(): Promise<void>;
}

export const bytes = (text: string): Buffer => Buffer.from(text, "utf8");
export const text = (input: Uint8Array): string => Buffer.from(input).toString("utf8");
export const words = (list: string): Buffer[] => list.split(" ").map(bytes);

/** An operating error that users can read about. */
export const isOperating = (error: unknown): boolean => error instanceof TidemarkError;
export const never = (): boolean => false;
