// Verifying in the browser what package verify does offline: receipts, co-signatures, a person's marks and that none is
// missing. No page, no document, no state: bytes and a trust file in, what holds or a Refused out. The page's scripts and
// the tests (under node) are its callers.

export { fromBase64, hex, sha256, toBase64, type Bytes } from "./_bytes";
export { openCheckpoint, type Checkpoint, type Cosignature } from "./_checkpoint";
export { bundlePath, bundles, latest, type Fetch } from "./_log";
export { verifyReceipt, type Step, type Verified } from "./_receipt";
export { Refused, type Reason } from "./_refused";
export { complete, follow, keyOf, useTag, verifyUse, type Listed, type Trail } from "./_trace";
export { readTrust, type Trust } from "./_trust";
