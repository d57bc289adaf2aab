// Receipts: C2SP tlog-proof whose extra line is the entry itself.
//
//   c2sp.org/tlog-proof@v1
//   extra BASE64            the entry
//   index N
//   HASH                    zero or more lines of base64, leaf to root
//
//   CHECKPOINT              a signed note, to the end

import { decimal, fromBase64, utf8, type Bytes } from "./_bytes";
import { openCheckpoint, type Checkpoint } from "./_checkpoint";
import { readLeaf, type Leaf } from "./_leaf";
import { checkInclusion, leafHash } from "./_merkle";
import { Refused } from "./_refused";
import type { Trust } from "./_trust";

const MAX_RECEIPT = 128 << 10;
const MAX_LEAF = 65535;
const MAX_PATH = 63;

export interface Receipt {
  index: number;
  path: Bytes[];
  checkpoint: string;
  leaf: Bytes;
}

export function parseReceipt(receipt: string): Receipt {
  if (utf8(receipt).length > MAX_RECEIPT) throw new Refused("receipt", `longer than ${MAX_RECEIPT} bytes`);
  const cut = receipt.indexOf("\n\n");
  const [header, extra = "", place = "", ...hashes] = receipt.slice(0, cut).split("\n");
  if (cut < 0 || header !== "c2sp.org/tlog-proof@v1") throw new Refused("receipt", "not a C2SP tlog-proof");
  const leaf = extra.startsWith("extra ") ? fromBase64(extra.slice(6)) : null;
  if (!leaf || leaf.length > MAX_LEAF) throw new Refused("receipt", "the entry is not in it");
  const index = place.startsWith("index ") ? decimal(place.slice(6)) : null;
  if (index === null || hashes.length > MAX_PATH) throw new Refused("receipt", "index or proof cannot be read");
  const path = hashes.map((h) => {
    const hash = fromBase64(h);
    if (hash?.length !== 32) throw new Refused("receipt", "a hash of the proof cannot be read");
    return hash;
  });
  return { index, path, checkpoint: receipt.slice(cut + 2), leaf };
}

export interface Verified {
  index: number;
  leaf: Leaf;
  leafBytes: Bytes;
  checkpoint: Checkpoint;
}

/** Steps of a check, in their order, reported as they succeed. */
export type Step = "signatures" | "inclusion" | "entry" | "tag";

/** Verifies a receipt. index is the entry it must be for; report hears of each step that has succeeded. */
export async function verifyReceipt(trust: Trust, receipt: string, index?: number, report?: (step: Step, checkpoint: Checkpoint) => void): Promise<Verified> {
  const r = parseReceipt(receipt);
  if (index !== undefined && r.index !== index) throw new Refused("index", `of entry ${r.index}, want ${index}`);
  const checkpoint = await openCheckpoint(trust, r.checkpoint); // first: until signatures fit, size and root are anybody's words
  report?.("signatures", checkpoint);
  await checkInclusion(r.index, checkpoint.size, await leafHash(r.leaf), r.path, checkpoint.root);
  report?.("inclusion", checkpoint);
  const leaf = readLeaf(r.leaf);
  report?.("entry", checkpoint);
  return { index: r.index, leaf, leafBytes: r.leaf, checkpoint };
}
