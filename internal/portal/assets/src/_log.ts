// The whole log, as C2SP tlog-tiles serve it: entry bundles of 256. All entries are read, so the root is computed from them
// and no hash tile need be trusted or fetched.

import { equal, text, type Bytes } from "./_bytes";
import { openCheckpoint, type Checkpoint } from "./_checkpoint";
import { Growing, leafHash } from "./_merkle";
import { Refused } from "./_refused";
import type { Trust } from "./_trust";

const WIDTH = 256;

/** Fetches one resource of the log, such as "checkpoint" or "tile/entries/000"; null = it is not there. */
export type Fetch = (path: string) => Promise<Bytes | null>;

/** The path of the n-th entry bundle: groups of three digits, all but the last with an x before them. */
export function bundlePath(n: number, width: number): string {
  const digits = String(n).padStart(3, "0");
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.../g) ?? [];
  const last = groups.pop();
  return `tile/entries/${groups.map((g) => `x${g}/`).join("")}${last}${width === WIDTH ? "" : `.p/${width}`}`;
}

/** How many bundles a log of size has. */
export function bundles(size: number): number {
  return Math.ceil(size / WIDTH);
}

/** The first width entries of a bundle: each after its length, u16. What follows them is another size's business. */
export function parseBundle(raw: Bytes, width: number): Bytes[] {
  const entries: Bytes[] = [];
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  for (let at = 0; entries.length < width; ) {
    const end = at + 2 <= raw.length ? at + 2 + view.getUint16(at) : Infinity;
    if (end > raw.length) throw new Refused("bundle", `the bundle ends in entry ${entries.length}`);
    entries.push(raw.slice(at + 2, end));
    at = end;
  }
  return entries;
}

/** The checkpoint that is published now, verified. */
export async function latest(trust: Trust, fetch: Fetch): Promise<Checkpoint> {
  const raw = await fetch("checkpoint");
  const note = raw && text(raw);
  if (!note) throw new Refused("fetch", "there is no checkpoint");
  return openCheckpoint(trust, note);
}

/**
 * Reads every entry of the log at a checkpoint, in order, and proves them against its root, and against the checkpoints
 * of receipts: earlier is by size. Nothing that visit has seen counts until this returns.
 */
export async function readAll(fetch: Fetch, head: Checkpoint, earlier: Checkpoint[], visit: (index: number, entry: Bytes) => void, progress?: (done: number, of: number) => void): Promise<void> {
  const tree = new Growing();
  for (const c of earlier) {
    if (c.size > head.size) throw new Refused("shorter", `the log has ${head.size} entries, a receipt says ${c.size}`);
  }
  const count = bundles(head.size);
  for (let n = 0; n < count; n++) {
    const width = Math.min(WIDTH, head.size - n * WIDTH);
    const raw = (await fetch(bundlePath(n, width))) ?? (await fetch(bundlePath(n, WIDTH)));
    if (!raw) throw new Refused("fetch", `bundle ${n} is not there`);
    const entries = parseBundle(raw, width);
    for (const hash of await Promise.all(entries.map(leafHash))) {
      await tree.add(hash);
      for (const c of earlier) {
        if (c.size === tree.size && !equal(c.root, await tree.root())) throw new Refused("root", `at size ${c.size} it is another log than the receipt's`);
      }
    }
    entries.forEach((e, i) => visit(n * WIDTH + i, e));
    progress?.(n + 1, count);
  }
  if (!equal(await tree.root(), head.root)) throw new Refused("root", "the entries do not hash to the signed root");
}
