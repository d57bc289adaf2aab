// The verifier that people keep as a file: receipts are checked on their machine, against a trust file of their choice, with
// no network at all. See pages/verifier.html.

import { tell } from "./_kinds";
import { Report } from "./_report";
import { fromBase64, keyOf, readTrust, Refused, useTag, verifyReceipt, type Bytes, type Trust } from "./_verify";
import { need, number, say } from "./_words";

const MOST = 500; // receipts of one check
const NUMBERS = 4096; // of a person's uses, that a receipt's marks are compared with
const MAX_FILE = 256 << 10;

/** The text of a chosen file, or what was pasted. */
async function given(id: string): Promise<string> {
  const file = need(`${id}-file`, HTMLInputElement).files?.[0];
  if (file && file.size > MAX_FILE) throw new Refused(id === "trust" ? "trust" : "receipt", `${file.name} is longer than ${MAX_FILE} bytes`);
  return file ? file.text() : need(`${id}-text`, HTMLTextAreaElement).value;
}

interface Proof {
  name: string;
  text: string;
}

async function proofs(): Promise<Proof[]> {
  const out: Proof[] = [];
  for (const f of [...(need("proofs-file", HTMLInputElement).files ?? [])].slice(0, MOST)) {
    out.push({ name: f.name, text: f.size > MAX_FILE ? "" : await f.text() });
  }
  const pasted = need("proofs-text", HTMLTextAreaElement).value;
  if (pasted.trim() !== "") out.push({ name: say("pasted"), text: pasted });
  return out;
}

/** A person's mark: which number it stands for, in which chain: 0 = their trace, else what was hidden until that quarter (one more than its number). */
interface Mark {
  n: number;
  chain: number;
}

/** All marks of a person. */
async function marks(): Promise<Map<string, Mark>> {
  const out = new Map<string, Mark>();
  const text = (await given("key")).trim();
  if (text === "") return out;
  for (const { k, chain } of await traceKeys(text)) {
    for (let n = 1; n <= NUMBERS; n++) out.set(await useTag(k, n), { n, chain });
  }
  return out;
}

const HIDDEN = 4; // kind of identity (protocol 3)
const MAX_KEYS = 80; // of one file

/** Trace keys as they are saved: the file of tribune trace recover; or one, in base64 or hex, alone or as the member "key" of a JSON object. */
async function traceKeys(text: string): Promise<{ k: Bytes; chain: number }[]> {
  let spelled: { d: unknown; chain: number }[] = [{ d: text, chain: 0 }];
  try {
    const file = JSON.parse(text) as { key?: unknown; keys?: { d?: unknown; identity?: { kind?: number; quarter?: number } }[] };
    spelled = Array.isArray(file.keys)
      ? file.keys.slice(0, MAX_KEYS).map((one) => ({ d: one?.d, chain: one?.identity?.kind === HIDDEN ? (one.identity.quarter ?? 0) + 1 : 0 }))
      : [{ d: file.key, chain: 0 }];
  } catch {
    // then it is the key itself
  }
  const out = [];
  for (const one of spelled) {
    const k = await keyOf(bytesOf(String(one.d ?? "")));
    if (!k) throw new Refused("fetch", say("bad-key"));
    out.push({ k, chain: one.chain });
  }
  if (out.length === 0) throw new Refused("fetch", say("bad-key"));
  return out;
}

function bytesOf(text: string): Bytes | null {
  if (!/^([0-9a-f]{64}|[0-9a-f]{96})$/.test(text)) return fromBase64(text);
  return Uint8Array.from(text.match(/../g) ?? [], (two) => parseInt(two, 16));
}

/** Where the outcome of one check goes; the summary goes first. */
function outcome(title: string, first = false): Report {
  const steps = document.createElement("ol");
  steps.className = "steps";
  const verdict = document.createElement("div");
  const article = document.createElement("article");
  article.append(Object.assign(document.createElement("h3"), { textContent: title }), verdict, steps);
  const results = need("results", HTMLDivElement);
  if (first) results.prepend(article);
  else results.append(article);
  return new Report(steps, verdict);
}

/** Checks one receipt; the number of the person's use in their trace that it proves, 0 = none of theirs, or a hidden one; -1 = it does not hold. */
async function check(proof: Proof, trust: Trust, mine: Map<string, Mark>): Promise<number> {
  const report = outcome(proof.name);
  try {
    const v = await verifyReceipt(trust, proof.text, undefined, (step, checkpoint) => {
      if (step === "signatures") report.signatures(checkpoint);
    });
    report.step(say("inclusion", v.index));
    for (const sentence of tell(v.leaf)) report.step(sentence);
    const mark = v.leaf.tags.map((t) => mine.get(t)).find((m) => m !== undefined);
    if (mark) report.step(mark.chain === 0 ? say("tag", mark.n) : say("tag-hidden", mark.n, quarter(mark.chain - 1)));
    else if (mine.size > 0) report.step(say("not-yours"));
    report.end("ok", say("holds"));
    return mark?.chain === 0 ? mark.n : 0;
  } catch (err) {
    report.failed(err);
    return -1;
  }
}

/** A quarter as people write it: 0 is January to March 1970. */
function quarter(q: number): string {
  return `${1970 + Math.floor(q / 4)}-Q${(q % 4) + 1}`;
}

/** Says which of a person's uses are not among the receipts. */
function gaps(found: number[]): void {
  const last = Math.max(0, ...found);
  const missing = Array.from({ length: last }, (_, i) => i + 1).filter((n) => !found.includes(n));
  const report = outcome(say("yours"));
  if (last === 0) report.end("warn", say("none-yours"));
  else if (missing.length > 0) report.end("warn", say("gaps", missing.map(number).join(", ")));
  else report.end("ok", say("no-gaps", last));
}

async function run(): Promise<void> {
  const button = need("check", HTMLButtonElement);
  need("results", HTMLDivElement).replaceChildren();
  button.disabled = true;
  try {
    const list = await proofs();
    const trust = await readTrust(await given("trust"));
    const mine = await marks();
    outcome(say("keys")).trust(trust, true);
    if (list.length === 0) return outcome(say("proofs")).end("warn", say("no-proofs"));
    const numbers: number[] = [];
    for (const proof of list) numbers.push(await check(proof, trust, mine));
    const bad = numbers.filter((n) => n < 0).length;
    if (mine.size > 0) gaps(numbers.filter((n) => n > 0));
    outcome(say("summary"), true).end(bad > 0 ? "no" : "ok", bad > 0 ? say("some-fail", bad, list.length) : say("all-hold", list.length));
  } catch (err) {
    outcome(say("summary"), true).failed(err);
  } finally {
    button.disabled = false;
  }
}

need("check", HTMLButtonElement).addEventListener("click", () => void run());
