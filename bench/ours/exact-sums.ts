/** What exact sums cost beside plain ones, per reading: the same values through both, in turn, in one process. Prints laps "exact sum integers 0", … */
import { Random } from "../../src/core/random.ts";
import { addPart, SQUARE_PARTS, SUM_PARTS, squareError } from "../../src/metrics/exact-sum.ts";
import { argument } from "../harness/lap.ts";

export interface ExactSumsTask {
  readonly laps: number;
}

const VALUES = 1 << 20;
/** The first laps compile. */
const WARM_LAPS = 3;

const { laps } = argument<ExactSumsTask>();
const random = new Random(11);
const streams = {
  "integers 0–100": Float64Array.from({ length: VALUES }, () => random.integer(0, 100)),
  "decimals 0.00–100.00": Float64Array.from({ length: VALUES }, () => random.integer(0, 10_000) / 100),
  "doubles of all digits": Float64Array.from({ length: VALUES }, () => random.next() * 100),
};
const sums = new Float64Array(SUM_PARTS);
const squares = new Float64Array(SQUARE_PARTS);

function plainSum(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

function exactSum(values: Float64Array): number {
  sums.fill(0);
  let lost = 0;
  for (let i = 0; i < values.length; i++) lost += addPart(sums, 0, SUM_PARTS, values[i]);
  return sums[0] + lost;
}

function plainBoth(values: Float64Array): number {
  let sum = 0;
  let square = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    sum += value;
    square += value * value;
  }
  return sum + square;
}

/** As a heavy second's bucket does it. */
function exactBoth(values: Float64Array): number {
  sums.fill(0);
  squares.fill(0);
  let lost = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const square = value * value;
    lost += addPart(sums, 0, SUM_PARTS, value) + addPart(squares, 0, SQUARE_PARTS, square);
    const error = squareError(value, square);
    if (error !== 0) lost += addPart(squares, 0, SQUARE_PARTS, error);
  }
  return sums[0] + squares[0] + lost;
}

const ways = { "plain Σ": plainSum, "exact Σ": exactSum, "plain Σ, Σx²": plainBoth, "exact Σ, Σx²": exactBoth };
const result: Record<string, number> = {};
for (let lap = -WARM_LAPS; lap < laps; lap++) {
  for (const [stream, values] of Object.entries(streams)) {
    const found: number[] = [];
    for (const [way, run] of Object.entries(ways)) {
      const before = process.cpuUsage();
      found.push(run(values));
      const { user, system } = process.cpuUsage(before);
      if (lap >= 0) result[`${way} ${stream} ${lap}`] = ((user + system) * 1000) / VALUES;
    }
    const [plain, exact] = found;
    if (Math.abs(plain - exact) > 1e-9 * exact) throw new Error(`BUG: sums differ: ${plain}, ${exact}`);
  }
}
console.log(JSON.stringify(result));
