package portal

import (
	"encoding/json"
	"os"
	"testing"
)

// TestBrowserAgreesWithTheVectors: what package protocol and package verify publish as vectors, computed by the browser's verifier:
// tags, trace keys, leaf hashes, receipts. Identities and commitments no page needs; they are computed here from the specification, with
// the browser's own bytes and hashes.
func TestBrowserAgreesWithTheVectors(t *testing.T) {
	input := map[string]json.RawMessage{}
	for name, file := range map[string]string{"protocol": "../../protocol/testdata/vectors.json", "receipt": "../../verify/testdata/receipt.json", "tags": "../../ibe/testdata/tags.json"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		input[name] = data
	}
	const script = `
import { concat, hex, label, sha256, toBase64, utf8 } from "./_bytes";
import { leafHash } from "./_merkle";
import { keyOf, readTrust, useTag, verifyReceipt, verifyUse } from "./_verify";
let input = "";
for await (const chunk of process.stdin) input += chunk;
const v = JSON.parse(input);
const bytes = (s) => new Uint8Array(Buffer.from(s, "hex"));
const out = [];
let compared = 0;
const same = (what, got, want) => { compared++; if (got !== want) out.push(what + ": got " + got + ", want " + want); };
const u16 = (n) => new Uint8Array([n >> 8, n & 255]);
const u32 = (n) => new Uint8Array([n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
const lp = (b) => concat(u16(b.length), b);
for (const c of v.protocol.tag) same("tag " + c.n, await useTag(bytes(c.key), c.n), c.tag);
same("trace key", hex(await keyOf(bytes(v.protocol.traceKey.d))), v.protocol.traceKey.key);
same("trace key of a trace identity", hex(await keyOf(bytes(v.tags.key))), v.tags.traceKey);
for (const c of v.tags.tags) same("tag " + c.n, await useTag(bytes(v.tags.traceKey), c.n), c.tag);
same("leaf hash", hex(await leafHash(utf8(v.protocol.leafHash.leaf))), v.protocol.leafHash.hash);
const c = v.protocol.commitment;
same("commitment", hex(await sha256(concat(label("com"), bytes(c.salt), utf8(c.data)))), c.com);
for (const c of v.protocol.identity) {
  const i = c.identity;
  const fields = i.kind === 1 ? [bytes(i.subject), utf8(i.class), u32(i.day), u32(i.segment)] : i.kind === 2 || i.kind === 5 ? [utf8(i.id)] : i.kind === 4 ? [bytes(i.subject), u32(i.quarter)] : i.kind === 6 ? [utf8(i.class), u32(i.day)] : [bytes(i.subject)];
  same("identity of kind " + i.kind, hex(concat(label("id"), new Uint8Array([i.kind]), lp(utf8(c.city)), ...fields.map(lp))), c.bytes);
}
const r = v.receipt;
const trust = await readTrust(r.trust);
const key = await keyOf(bytes(r.traceKey));
const seen = await verifyUse(trust, r.receipt, r.index, key, r.use);
same("size", seen.checkpoint.size, r.size);
for (const bad of r.refused) {
  let refused = false;
  try { await verifyReceipt(trust, bad.receipt, r.index); } catch { refused = true; }
  same(bad.why, refused, true);
}
let other = false;
try { await verifyUse(trust, r.receipt, r.index, key, r.use + 1); } catch { other = true; }
same("another use's tag", other, true);
console.log(JSON.stringify({ out, compared }));
`
	var got struct {
		Out      []string
		Compared int
	}
	if err := json.Unmarshal(inNode(t, script, input), &got); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range got.Out {
		t.Error(wrong)
	}
	if got.Compared < 20 {
		t.Errorf("only %d comparisons", got.Compared)
	}
}
