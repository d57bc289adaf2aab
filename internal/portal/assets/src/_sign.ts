// Signing an act (protocol 14): Ed25519 over SHA-256(L(act) || act). What is signed is looked at first: the text itself, not what
// a page says of it.

import { concat, label, sha256, toBase64, utf8 } from "./_bytes";
import type { HeldKey } from "./_keystore";
import { readAct, type Act } from "./_leaf";

/** What was asked for. An act that says anything else is not signed. */
export interface Asked {
  kind?: string; // absent = read
  office: string;
  purpose?: string;
  mandate?: string;
}

const MAX_SKEW = 2 * 60 * 1000; // guardians accept no more either

/** The act of a text, null where it is none, or not what was asked. */
export function lookAt(text: string, asked: Asked, now: number): Act | null {
  const act = readAct(text);
  if (!act || act.kind !== (asked.kind ?? "read") || act.office !== asked.office) return null;
  if (asked.purpose !== undefined && act.purpose !== asked.purpose) return null;
  if (asked.mandate !== undefined && act.mandate !== asked.mandate) return null;
  return Math.abs(Date.parse(act.time) - now) <= MAX_SKEW ? act : null;
}

/** The signature of an act's text in base64. */
export async function signAct(key: HeldKey, text: string): Promise<string> {
  const digest = await sha256(concat(label("act"), utf8(text)));
  return toBase64(new Uint8Array(await crypto.subtle.sign("Ed25519", key.pair.privateKey, digest)));
}
