/** Payloads as people who may read are shown them: stations write their passwords into what they send. */

/** A secret of a form or of JSON, by the names that senders give it: PASSWORD (Weather Underground), PASSKEY (Ecowitt), keys of an API. */
const SECRET = /\b(pass(?:word|key|wd)?|secret|token|api_?key)(=|"\s*:\s*")([^&"\s]+)/gi;

/** The text without secrets, of so many characters at most. */
export function shownPayload(text: string, charactersMax: number): string {
  return text.replace(SECRET, "$1$2…").slice(0, charactersMax);
}
