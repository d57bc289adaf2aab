// Keys of signed notes (C2SP signed-note) and Ed25519 by the browser's own WebCrypto.

import { concat, equal, fromBase64, hex, sha256, utf8, type Bytes } from "./_bytes";
import { Refused } from "./_refused";

/** Types of keys: what a signature by them covers. */
export const PLAIN = 1; // Ed25519 over the text: the log
export const COSIGNATURE = 4; // cosignature/v1: Ed25519 over a time and the text: a guardian

export interface NoteKey {
  name: string;
  id: Bytes; // 4 bytes
  key: Bytes; // 32 bytes
}

/** A note verifier key "name+hash+base64" of one type, in its one spelling, else null. */
export async function readKey(vkey: string, type: number): Promise<NoteKey | null> {
  const [name, hash, ...rest] = vkey.split("+");
  const raw = fromBase64(rest.join("+"));
  if (!name || !hash || !raw || raw.length !== 33 || raw[0] !== type || /\s/.test(name)) return null;
  const id = (await sha256(concat(utf8(name + "\n"), raw))).slice(0, 4);
  return hex(id) === hash ? { name, id, key: raw.slice(1) } : null;
}

export function sameKey(a: NoteKey, name: string, id: Bytes): boolean {
  return a.name === name && equal(a.id, id);
}

/** Whether an Ed25519 signature fits. A browser that does not know Ed25519 is an error of its own: not to be able to check is not a "no". */
export async function verifies(key: Bytes, signature: Bytes, message: Bytes): Promise<boolean> {
  let known: CryptoKey;
  try {
    known = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  } catch (err) {
    throw new Refused("browser", String(err));
  }
  return crypto.subtle.verify("Ed25519", known, signature, message);
}
