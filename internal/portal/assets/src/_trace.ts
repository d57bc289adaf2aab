// A person's marks in the record (protocol 15, 16 and 31): tag n is HMAC-SHA256(k, L(tag) || n)[:16].

import { concat, hex, label, text, u64, type Bytes } from "./_bytes";
import type { Checkpoint } from "./_checkpoint";
import { readAll, type Fetch } from "./_log";
import { verifyReceipt, type Step, type Verified } from "./_receipt";
import { Refused } from "./_refused";
import type { Trust } from "./_trust";

/** How far behind the last known use is looked for more: one hidden use is enough to be found out. */
const AHEAD = 1024;

const POINT = 48; // bytes of a compressed point of G1
const KEY = 32;

/** The trace key k of what a person keeps: k itself, or the point D(trace ID) from which HKDF-SHA256 makes it. Null where it is neither. */
export async function keyOf(kept: Bytes | null): Promise<Bytes | null> {
  if (kept?.length === KEY) return kept;
  if (kept?.length !== POINT) return null;
  const d = await crypto.subtle.importKey("raw", kept, "HKDF", false, ["deriveBits"]);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: label("tracekey") }, d, 8 * KEY));
}

export async function useTag(k: Bytes, n: number): Promise<string> {
  const key = await crypto.subtle.importKey("raw", k, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const mac = await crypto.subtle.sign("HMAC", key, concat(label("tag"), u64(n)));
  return hex(new Uint8Array(mac).slice(0, 16));
}

/** Verifies a receipt and that its entry carries the tag of this person's use n. */
export async function verifyUse(trust: Trust, receipt: string, index: number, k: Bytes, n: number, report?: (step: Step, checkpoint: Checkpoint) => void): Promise<Verified> {
  const v = await verifyReceipt(trust, receipt, index, report);
  if (!v.leaf.tags.includes(await useTag(k, n))) throw new Refused("tag", `entry ${index} does not carry the mark of use ${n}`);
  report?.("tag", v.checkpoint);
  return v;
}

export interface Listed {
  n: number;
  index: number; // of its entry
}

export interface Trail {
  entries: number; // read and proven
  present: number; // uses that were listed and are on record where they should be
  absent: Listed[]; // listed, but their first entry is elsewhere or nowhere
  unlisted: Listed[]; // on record, but not listed
  skipped: number[]; // numbers below a listed one that are neither listed nor on record
  repeated: Listed[]; // a mark that a later entry carries again
}

/** Whether a list is exactly what is on record. */
export function complete(t: Trail): boolean {
  return t.absent.length + t.unlisted.length + t.skipped.length === 0;
}

/** Reads the whole log and holds a list of uses against it. */
export async function follow(fetch: Fetch, head: Checkpoint, earlier: Checkpoint[], k: Bytes, uses: Listed[], progress?: (done: number, of: number) => void): Promise<Trail> {
  const known = uses.reduce((n, u) => Math.max(n, u.n), 0);
  const numbers = new Map<string, number>();
  for (let n = 1; n <= known + AHEAD; n++) numbers.set(await useTag(k, n), n);
  const first = new Map<number, number>();
  const repeated: Listed[] = [];
  await readAll(fetch, head, earlier, (index, entry) => {
    for (const tag of tagsOf(entry)) {
      const n = numbers.get(tag);
      if (n === undefined) continue;
      if (first.has(n)) repeated.push({ n, index });
      else first.set(n, index);
    }
  }, progress);
  const listed = new Map(uses.map((u) => [u.n, u.index]));
  const skipped = [];
  for (let n = 1; n < known; n++) if (!first.has(n) && !listed.has(n)) skipped.push(n);
  return {
    entries: head.size,
    present: uses.filter((u) => first.get(u.n) === u.index).length,
    absent: uses.filter((u) => first.get(u.n) !== u.index),
    unlisted: [...first].filter(([n]) => !listed.has(n)).map(([n, index]) => ({ n, index })),
    skipped,
    repeated,
  };
}

/** Tags of an entry. What is no JSON object of ours carries none: it is proven to be what the guardians hold, too. */
function tagsOf(entry: Bytes): string[] {
  try {
    const leaf = JSON.parse(text(entry) ?? "") as { tags?: unknown };
    return Array.isArray(leaf?.tags) ? leaf.tags.filter((t) => typeof t === "string") : [];
  } catch {
    return [];
  }
}
