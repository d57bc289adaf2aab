// The Merkle tree of RFC 6962: leaf hashes, inclusion proofs, and roots of a tree that is read from its beginning.

import { concat, equal, sha256, type Bytes } from "./_bytes";
import { Refused } from "./_refused";

export function leafHash(leaf: Bytes): Promise<Bytes> {
  return sha256(concat(new Uint8Array([0]), leaf));
}

function nodeHash(left: Bytes, right: Bytes): Promise<Bytes> {
  return sha256(concat(new Uint8Array([1]), left, right));
}

/** Holds a leaf's hash, its place and a proof against a signed root (RFC 9162, 2.1.3.2). Numbers may pass 2^32: no bit operations. */
export async function checkInclusion(index: number, size: number, leaf: Bytes, path: Bytes[], root: Bytes): Promise<void> {
  if (index >= size) throw new Refused("index", `entry ${index} is beyond the checkpoint, which covers ${size} entries`);
  let at = index;
  let last = size - 1;
  let hash = leaf;
  for (const p of path) {
    if (last === 0) throw new Refused("path", "the proof is too long");
    if (at % 2 === 1 || at === last) {
      hash = await nodeHash(p, hash);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash = await nodeHash(hash, p);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) throw new Refused("path", "the proof is too short");
  if (!equal(hash, root)) throw new Refused("inclusion", "entry, place and proof do not lead to the signed root");
}

/** Grows a tree leaf by leaf, keeping one hash for each complete subtree. */
export class Growing {
  size = 0;
  private full: { leaves: number; hash: Bytes }[] = [];

  async add(hash: Bytes): Promise<void> {
    let leaves = 1;
    for (let top = this.full.at(-1); top && top.leaves === leaves; top = this.full.at(-1)) {
      this.full.pop();
      hash = await nodeHash(top.hash, hash);
      leaves *= 2;
    }
    this.full.push({ leaves, hash });
    this.size++;
  }

  async root(): Promise<Bytes> {
    let root: Bytes | null = null;
    for (const { hash } of [...this.full].reverse()) root = root ? await nodeHash(hash, root) : hash;
    return root ?? sha256(new Uint8Array());
  }
}
