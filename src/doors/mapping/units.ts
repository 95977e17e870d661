/** Units that devices send in, and what makes the usual one of each: °C, hPa, m/s, mm, V, W, kWh. */

/** value × factor + offset. */
export interface Scale {
  readonly factor: number;
  readonly offset: number;
}

const times = (factor: number): Scale => ({ factor, offset: 0 });

/** What has to be done about a value in that unit. */
export const UNITS: Readonly<Record<string, Scale>> = {
  celsius: times(1),
  fahrenheit: { factor: 5 / 9, offset: -160 / 9 },
  kelvin: { factor: 1, offset: -273.15 },
  hPa: times(1),
  Pa: times(0.01),
  kPa: times(10),
  inHg: times(33.863886666667),
  mmHg: times(1.3332236842105),
  psi: times(68.9475729316836),
  "m/s": times(1),
  "km/h": times(1 / 3.6),
  mph: times(0.44704),
  knots: times(1852 / 3600),
  mm: times(1),
  cm: times(10),
  inch: times(25.4),
  mV: times(0.001),
  mA: times(0.001),
  mW: times(0.001),
  kW: times(1000),
  Wh: times(0.001),
};

/** Other spellings, in lower case. */
const SPELLINGS: Readonly<Record<string, string>> = {
  c: "celsius",
  "°c": "celsius",
  cel: "celsius",
  f: "fahrenheit",
  "°f": "fahrenheit",
  k: "kelvin",
  mbar: "hPa",
  in: "inch",
  kmh: "km/h",
  kn: "knots",
};

const byName = new Map(Object.entries(UNITS).map(([name, scale]) => [name.toLowerCase(), scale]));

/** By any spelling; undefined when it is not known. */
export function unitOf(text: string): Scale | undefined {
  const name = text.trim().toLowerCase();
  return byName.get((SPELLINGS[name] ?? name).toLowerCase());
}

/** Significant digits of a scaled value: no sensor has more, and without the last ones 39.74 °F is 4.3 °C and not 4.300000000000001. */
const DIGITS = 12;

/** As it should have been sent. */
export function scaled(value: number, { factor, offset }: Scale): number {
  return factor === 1 && offset === 0 ? value : Number((value * factor + offset).toPrecision(DIGITS));
}
