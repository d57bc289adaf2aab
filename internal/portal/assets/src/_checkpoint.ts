// Checkpoints: signed tree heads (C2SP tlog-checkpoint) with guardians' co-signatures (C2SP tlog-cosignature, v1).
//
//   ORIGIN\nSIZE\nROOT\n\n
//   — NAME BASE64(key id 4 || Ed25519 64)\n                     the log
//   — NAME BASE64(key id 4 || time u64 || Ed25519 64)\n         a guardian
//
// Every line must be by a trusted key and fit, once: bytes that nobody vouches for could be altered unseen.

import { concat, decimal, equal, fromBase64, text, utf8, type Bytes } from "./_bytes";
import { sameKey, verifies } from "./_note";
import { Refused } from "./_refused";
import type { Trust } from "./_trust";

const MAX_CHECKPOINT = 16 << 10;

export interface Cosignature {
  name: string;
  time: number; // seconds since 1970, UTC
}

export interface Checkpoint {
  origin: string;
  size: number;
  root: Bytes;
  cosignatures: Cosignature[]; // in the order of their lines
}

/** Reads and verifies a checkpoint, quorum and all. */
export async function openCheckpoint(trust: Trust, note: string): Promise<Checkpoint> {
  if (utf8(note).length > MAX_CHECKPOINT) throw new Refused("checkpoint", `longer than ${MAX_CHECKPOINT} bytes`);
  const cut = note.indexOf("\n\n");
  const lines = note.slice(0, cut).split("\n");
  if (cut < 0 || lines.length !== 3 || !note.endsWith("\n")) throw new Refused("checkpoint", "want three lines, an empty line and signatures");
  const [origin = "", sizeText = "", rootText = ""] = lines;
  if (origin !== trust.log.name) throw new Refused("origin", `of the log ${JSON.stringify(origin)}, want ${JSON.stringify(trust.log.name)}`);
  const size = decimal(sizeText);
  const root = fromBase64(rootText);
  if (size === null || root?.length !== 32) throw new Refused("checkpoint", "size or root cannot be read");

  const signed = utf8(note.slice(0, cut + 1));
  const cosignatures: Cosignature[] = [];
  const seen = new Set<string>();
  for (const line of note.slice(cut + 2, -1).split("\n")) {
    const [dash, name = "", base64 = "", ...more] = line.split(" ");
    const raw = fromBase64(base64);
    if (dash !== "—" || !name || more.length > 0 || !raw || raw.length < 5) throw new Refused("checkpoint", "a signature line cannot be read");
    if (seen.has(name)) throw new Refused("repeated", `signed twice by ${name}`);
    seen.add(name);
    await signature(trust, name, raw, signed, cosignatures);
  }
  if (!seen.has(trust.log.name)) throw new Refused("log", `the log ${origin} has not signed it`);
  const names = new Set(cosignatures.map((c) => c.name));
  if (!trust.satisfied(names)) throw new Refused("quorum", `co-signed by ${names.size} of ${trust.guardians.length} guardians`);
  return { origin, size, root, cosignatures };
}

async function signature(trust: Trust, name: string, raw: Bytes, signed: Bytes, cosignatures: Cosignature[]): Promise<void> {
  const id = raw.slice(0, 4);
  if (sameKey(trust.log, name, id)) {
    if (raw.length !== 68 || !(await verifies(trust.log.key, raw.slice(4), signed))) throw new Refused("log", `signature of ${name}`);
    return;
  }
  const guardian = trust.guardians.find((g) => sameKey(g, name, id));
  if (!guardian) throw new Refused("stranger", `signature line by ${name}`);
  if (raw.length !== 76) throw new Refused("cosignature", `co-signature of ${name}: its length`);
  const time = new DataView(raw.buffer).getBigUint64(4);
  const message = concat(utf8(`cosignature/v1\ntime ${time}\n`), signed);
  if (time > BigInt(Number.MAX_SAFE_INTEGER) || !(await verifies(guardian.key, raw.slice(12), message))) {
    throw new Refused("cosignature", `co-signature of ${name}`);
  }
  cosignatures.push({ name, time: Number(time) });
}

/** The text of a checkpoint's bytes. */
export function noteText(bytes: Bytes): string {
  const s = text(bytes);
  if (s === null || !equal(utf8(s), bytes)) throw new Refused("checkpoint", "not UTF-8 text");
  return s;
}
