/** How simulators name their devices: their readings are never taken for measured ones, and simulators recognise each other's. */

/** ASCII: as many bytes as characters. */
export const SIMULATOR_PREFIX = "simulator-";

const PREFIX_BYTES: Uint8Array = Buffer.from(SIMULATOR_PREFIX);

/** The name of a simulated device. */
export function simulatorName(name: string): string {
  return name.startsWith(SIMULATOR_PREFIX) ? name : SIMULATOR_PREFIX + name;
}

/** Whether a device's name, in UTF-8, is one of a simulator. */
export function isSimulatorName(name: Uint8Array): boolean {
  return PREFIX_BYTES.every((byte, i) => name[i] === byte);
}
