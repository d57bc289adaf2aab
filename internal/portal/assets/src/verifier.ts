// The verifier that people keep as a file: receipts are checked on their machine, against a trust file of their choice, with
// no network at all. See pages/verifier.html.

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

/** A person's marks: which number each stands for. */
async function marks(): Promise<Map<string, number>> {
  const out = new Map<string, number>();
  const text = (await given("key")).trim();
  if (text === "") return out;
  const k = await traceKey(text);
  for (let n = 1; n <= NUMBERS; n++) out.set(await useTag(k, n), n);
  return out;
}

/** A trace key as it is saved: base64, alone or as the member "key" of a JSON object. */
async function traceKey(text: string): Promise<Bytes> {
  let spelled = text;
  try {
    spelled = String((JSON.parse(text) as { key?: unknown }).key ?? "");
  } catch {
    // then it is the key itself
  }
  const k = await keyOf(fromBase64(spelled));
  if (!k) throw new Refused("fetch", say("bad-key"));
  return k;
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

/** Checks one receipt; the number of the person's use that it proves, 0 = not theirs, -1 = it does not hold. */
async function check(proof: Proof, trust: Trust, mine: Map<string, number>): Promise<number> {
  const report = outcome(proof.name);
  try {
    const v = await verifyReceipt(trust, proof.text, undefined, (step, checkpoint) => {
      if (step === "signatures") report.signatures(checkpoint);
    });
    report.step(say("inclusion", v.index));
    const a = v.leaf.act;
    report.step(say("entry", a.office, a.purpose || "–", a.mandate || "–", a.time, say(v.leaf.decision.permit ? "permit" : "deny")));
    const n = v.leaf.tags.map((t) => mine.get(t) ?? 0).find((n) => n > 0) ?? 0;
    if (mine.size > 0) report.step(n > 0 ? say("tag", n) : say("not-yours"));
    report.end("ok", say("holds"));
    return n;
  } catch (err) {
    report.failed(err);
    return -1;
  }
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
