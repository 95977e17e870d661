/** Keys that look like a field and are none, as keys are read as they are written: other capitalisations, and what other systems call a time, a device or a sequence. */

/** The keys of a field; the first is the one that a hint names. */
const value = ["value"];
const time = ["time", "ts"];
const device = ["device"];
const boot = ["boot"];
const id = ["id"];
const sequence = ["sequence", "seq"];
const READ: ReadonlySet<string> = new Set([value, time, device, boot, id, sequence].flat());

/** In any capitals; a space stands for "", "_" or "-". The fields' own names are here for their other capitalisations. */
const LISTED: readonly (readonly [fieldKeys: readonly string[], keys: string])[] = [
  [value, "value"],
  [time, "time,ts,time stamp,timestamp ms,time ms,ts ms,date,date time,dt,epoch,epoch ms,unix time,utc,utc time"],
  [time, "event time,reading time,sample time,created at,measured at,observed at,recorded at,received at,sent at"],
  [time, "last seen"],
  [device, "device,device id,device name,dev id,dev eui,sensor id,sensor name,node,node id,station,station id,unit id"],
  [device, "client id,thing id,entity id,mac,mac address,ieee addr,serial,serial number,host,host name"],
  [boot, "boot,boot id,boot count,session id"],
  [id, "id,_id,message id,msg id,event id,reading id,record id"],
  [sequence, "sequence,seq,seq no,seq nr,seq num,sequence no,sequence number,packet number,frame counter,f cnt"],
];

/** The keys of the field that each look-alike looks like, by the look-alike in small letters. */
const LOOKALIKES: ReadonlyMap<string, readonly string[]> = new Map(
  LISTED.flatMap(([fieldKeys, keys]) =>
    keys.split(",").flatMap((key) => ["", "_", "-"].map((by) => [key.replaceAll(" ", by), fieldKeys] as const)),
  ),
);

const LONGEST = Math.max(...Array.from(LOOKALIKES.keys(), (key) => key.length));

/** The look-alikes among an object's keys, in small letters, without those whose field it has; each with its spelling and the field that was meant. */
export function lookalikesOf(fields: Record<string, unknown>): Map<string, { key: string; meant: string }> {
  const found = new Map<string, { key: string; meant: string }>();
  for (const key of Object.keys(fields)) {
    if (key.length > LONGEST || READ.has(key)) continue;
    const name = key.toLowerCase();
    const fieldKeys = LOOKALIKES.get(name);
    if (fieldKeys === undefined || fieldKeys.some((read) => Object.hasOwn(fields, read))) continue;
    found.set(name, { key, meant: fieldKeys[0] });
  }
  return found;
}
