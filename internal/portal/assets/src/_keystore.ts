// The browser's own signing key: Ed25519, made by WebCrypto, not extractable, kept in IndexedDB. No script can read it out;
// scripts of this origin can sign with it.

import { toBase64 } from "./_bytes";

const DATABASE = "tribune-keys";
const STORE = "keys";

export interface HeldKey {
  pub: string; // base64 of the 32 bytes of the public key
  office: string; // for which it was made: it signs for no other
  pair: CryptoKeyPair;
}

function wait<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error ?? new Error("IndexedDB"));
  });
}

async function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "pub" });
  return wait(request);
}

async function inStore<T>(mode: IDBTransactionMode, run: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const db = await open();
  try {
    const tx = db.transaction(STORE, mode);
    const ended = new Promise<void>((done, failed) => {
      tx.oncomplete = () => done();
      tx.onabort = tx.onerror = () => failed(tx.error ?? new Error("IndexedDB"));
    });
    const result = await wait(run(tx.objectStore(STORE)));
    await ended;
    return result;
  } finally {
    db.close();
  }
}

/** Every key that this browser holds for this city; none where it keeps nothing. */
export async function heldKeys(): Promise<HeldKey[]> {
  try {
    return await inStore<HeldKey[]>("readonly", (s) => s.getAll() as IDBRequest<HeldKey[]>);
  } catch {
    return [];
  }
}

/** Makes a key. It throws where the browser does not know Ed25519. */
export async function makeKey(): Promise<{ pub: string; pair: CryptoKeyPair }> {
  const pair = (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return { pub: toBase64(raw), pair };
}

export function keepKey(key: HeldKey): Promise<IDBValidKey> {
  return inStore("readwrite", (s) => s.put(key));
}

export function forgetKey(pub: string): Promise<undefined> {
  return inStore("readwrite", (s) => s.delete(pub) as IDBRequest<undefined>);
}
