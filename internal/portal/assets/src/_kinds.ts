// What an entry of the record says, in the reader's words: its kind, what that means, and what it makes public. The words stand in
// the page (checktexts in pages/pieces.html); those of the kinds come from the server's own list.

import type { Leaf } from "./_leaf";
import { has, say } from "./_words";

/** Members of an entry's public part that are told, by kind. Of other kinds, and where one is missing, nothing is. */
const PUBLIC: Record<string, string[]> = {
  delivery: ["standing"],
  device: ["device"],
  erase: ["day"],
  extension: ["until"],
  index: ["size"],
  law: ["set"],
  publish: ["model", "method", "file"],
  refusals: ["count", "day"],
  vital: ["class", "opened", "back"],
  "vital-keys": ["count"],
};

const LONGEST = 200; // of one member: whoever wrote the entry chose it

/** Sentences about an entry that has been proven. */
export function tell(leaf: Leaf): string[] {
  const a = leaf.act;
  const kind = `k-${a.kind}`;
  const out = [has(kind) ? say(kind) : say("k-other", a.kind)];
  out.push(say("entry", a.office || "–", a.purpose || "–", a.mandate || "–", a.time, a.count, say(leaf.decision.permit ? "permit" : "deny")));
  const told = leaf.decision.permit ? members(leaf.public, PUBLIC[a.kind]) : null;
  if (told && has(`p-${a.kind}`)) out.push(say(`p-${a.kind}`, ...told));
  return out;
}

/** Those members as they are written, null where one is missing or is neither text nor number. */
function members(v: unknown, names: string[] | undefined): (string | number)[] | null {
  if (!names || v === null || typeof v !== "object") return null;
  const found = names.map((n) => (Object.hasOwn(v, n) ? (v as Record<string, unknown>)[n] : undefined));
  if (!found.every((x) => typeof x === "string" || typeof x === "number")) return null;
  return found.map((x) => (typeof x === "string" ? x.slice(0, LONGEST) : (x as number)));
}
