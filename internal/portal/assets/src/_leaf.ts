// Entries of the record (protocol 17): canonical JSON (RFC 8785), in one spelling and with known members only.

import { text, type Bytes } from "./_bytes";
import { Refused } from "./_refused";

export interface Act {
  com: string;
  count: number;
  id: string;
  kind: string;
  mandate: string;
  office: string;
  purpose: string;
  recipient: string | null;
  time: string;
}

export interface Leaf {
  act: Act;
  decision: { missing: string[] | null; permit: boolean; policies: string[] | null; set: string };
  input: string;
  public?: unknown;
  signature: string | null;
  tags: string[];
  version: number;
}

const ACT = { com: "string", count: "number", id: "string", kind: "string", mandate: "string", office: "string", purpose: "string", recipient: "string?", time: "string" };
const DECISION = { missing: "list?", permit: "boolean", policies: "list?", set: "string" };
const LEAF = { act: "object", decision: "object", input: "string", public: "any?", signature: "string?", tags: "list?", version: "number" };
const MAX_TAGS = 1024;

/** The canonical JSON of a parsed value: members by UTF-16 order, numbers and strings as ECMAScript writes them. */
export function canonical(v: unknown): string {
  if (Array.isArray(v)) return `[${v.map(canonical).join(",")}]`;
  if (v !== null && typeof v === "object") {
    const members = Object.entries(v).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${members.map(([k, x]) => `${JSON.stringify(k)}:${canonical(x)}`).join(",")}}`;
  }
  return JSON.stringify(v);
}

/** Parses canonical JSON, null where it is none. */
export function parseCanonical(s: string): unknown {
  try {
    const v: unknown = JSON.parse(s);
    return canonical(v) === s ? v : null;
  } catch {
    return null;
  }
}

function shaped(v: unknown, shape: Record<string, string>): boolean {
  if (v === null || typeof v !== "object" || Array.isArray(v)) return false;
  const members = v as Record<string, unknown>;
  return (
    Object.keys(members).every((k) => Object.hasOwn(shape, k)) &&
    Object.entries(shape).every(([name, type]) => {
      const x = members[name];
      if (type === "any?") return true;
      if (type.endsWith("?") && x === null) return true;
      if (type.startsWith("list")) return Array.isArray(x) && x.every((s) => typeof s === "string");
      return typeof x === type.replace("?", "");
    })
  );
}

function isAct(v: unknown): v is Act {
  if (!shaped(v, ACT)) return false;
  const act = v as Act;
  const time = Date.parse(act.time);
  return /^[0-9a-f]{32}$/.test(act.id) && Number.isInteger(act.count) && !Number.isNaN(time) && new Date(time).toISOString() === act.time;
}

/** An act in its one spelling, else null. */
export function readAct(s: string): Act | null {
  const v = parseCanonical(s);
  return isAct(v) ? v : null;
}

export function readLeaf(bytes: Bytes): Leaf {
  const s = text(bytes);
  const v = s === null ? null : parseCanonical(s);
  if (!shaped(v, LEAF)) throw new Refused("entry", "not an entry in canonical JSON");
  const leaf = v as Leaf;
  if (!isAct(leaf.act) || !shaped(leaf.decision, DECISION) || leaf.version !== 1) throw new Refused("entry", "not an entry of version 1");
  leaf.tags ??= [];
  if (leaf.tags.length > MAX_TAGS || !leaf.tags.every((t) => /^[0-9a-f]{32}$/.test(t))) throw new Refused("entry", "its marks cannot be read");
  return leaf;
}
