/** Lines of a command's input, as they come. */

/** A line that is not blank, without white space around it. */
export interface Line {
  readonly text: string;
  /** From 1 on. */
  readonly number: number;
}

/** A reading is at most 1 MiB. */
const LINE_CHARACTERS_MAX = 1_048_576;

/** Until the input ends or `signal` aborts. @throws Error where a line is too long */
export async function* inputLines(input: NodeJS.ReadableStream, signal: AbortSignal): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  let rest = "";
  let number = 0;
  const lineOf = (text: string): Line => ({ text: text.trim(), number: ++number });
  for await (const chunk of untilAborted(input, signal)) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    if (rest.length > LINE_CHARACTERS_MAX)
      throw new Error(`line ${number + 1} has over ${LINE_CHARACTERS_MAX} characters`);
    for (const part of parts) {
      const line = lineOf(part);
      if (line.text !== "") yield line;
    }
  }
  const last = lineOf(rest);
  if (last.text !== "" && !signal.aborted) yield last;
}

async function* untilAborted(input: NodeJS.ReadableStream, signal: AbortSignal): AsyncGenerator<Buffer> {
  const stop = () => {
    if ("destroy" in input && typeof input.destroy === "function") input.destroy();
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const chunk of input) yield Buffer.from(chunk);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
