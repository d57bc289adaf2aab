// Checking one's uses in the browser: each by its receipt and mark, and all of them against the whole record.

import { complete, follow, fromBase64, latest, readTrust, Refused, verifyReceipt, verifyUse, bundlePath, bundles } from "./_verify";
import type { Bytes, Checkpoint, Fetch, Listed, Step, Trust } from "./_verify";
import { tell } from "./_kinds";
import { Report } from "./_report";
import { post, problem } from "./_session";
import { bytes, need, number, reveal, say } from "./_words";

interface Mine {
  key: Bytes;
  uses: Listed[];
}

const mine = new Map<string, Mine>(); // by name; forgotten with the page

/** The trace key and the list of uses of one of the person's names; the list as it is now where it must be fresh. */
async function fetchMine(of: string, fresh = false): Promise<Mine> {
  const known = fresh ? undefined : mine.get(of);
  if (known) return known;
  const res = await post(need("session", HTMLFormElement).dataset.action ?? "", { of });
  if (!res.ok) throw new Refused("fetch", (await problem(res)).text);
  const { key, uses } = (await res.json()) as { key: string; uses: Listed[] };
  const raw = fromBase64(key);
  if (raw?.length !== 32) throw new Refused("fetch", "no trace key");
  mine.set(of, { key: raw, uses });
  return { key: raw, uses };
}

async function fetchText(path: string): Promise<string> {
  const res = await fetch(path, { cache: "no-store" });
  if (!res.ok) throw new Refused("fetch", `${path}: ${res.status}`);
  return res.text();
}

function log(signal: AbortSignal): Fetch {
  return async (path) => {
    const res = await fetch(`/log/${path}`, { signal });
    if (res.status === 404) return null;
    if (!res.ok) throw new Refused("fetch", `${path}: ${res.status}`);
    return new Uint8Array(await res.arrayBuffer());
  };
}

/** The trust file that the person has chosen, else the server's. */
async function chosenTrust(): Promise<{ trust: Trust; own: boolean }> {
  const file = need("trust-file", HTMLInputElement).files?.[0];
  return { trust: await readTrust(file ? await file.text() : await fetchText("/trust")), own: file !== undefined };
}

async function checkUse(button: HTMLButtonElement): Promise<void> {
  const article = button.closest("article");
  const steps = article?.querySelector<HTMLElement>(".steps");
  const verdict = article?.querySelector<HTMLElement>(".verdict");
  if (!steps || !verdict) return;
  const report = new Report(steps, verdict);
  button.disabled = true;
  try {
    const { index = "", n = "", of = "" } = button.dataset;
    const { trust, own } = await chosenTrust();
    report.trust(trust, own);
    const { key } = await fetchMine(of);
    const receipt = await fetchText(`/record/receipts/${index}`);
    const passed: Step[] = [];
    const v = await verifyUse(trust, receipt, Number(index), key, Number(n), (step, checkpoint) => {
      passed.push(step);
      if (step === "signatures") report.signatures(checkpoint);
      if (step === "inclusion") report.step(say("inclusion", Number(index)));
    });
    for (const sentence of tell(v.leaf)) report.step(sentence);
    report.step(say("tag", Number(n)));
    report.end("ok", say("holds"));
  } catch (err) {
    report.failed(err);
  } finally {
    button.disabled = false;
  }
}

/** Looks how large the record is, and asks before it is downloaded. */
async function offer(of: string): Promise<void> {
  const report = new Report(need("complete-steps", HTMLOListElement), need("complete-result", HTMLDivElement));
  const size = need("size", HTMLParagraphElement);
  const go = need("go", HTMLButtonElement);
  size.hidden = go.hidden = true;
  try {
    const { trust, own } = await chosenTrust();
    report.trust(trust, own);
    const quitting = new AbortController();
    const head = await latest(trust, log(quitting.signal));
    report.signatures(head);
    const parts = bundles(head.size);
    const first = await fetch(`/log/${bundlePath(0, Math.min(256, head.size))}`, { method: "HEAD" });
    const each = Number(first.headers.get("Content-Length") ?? 0) || 256 * 1024;
    size.textContent = say("size", head.size, bytes((each * head.size) / Math.min(256, head.size || 1)), parts);
    go.textContent = say("go");
    go.onclick = () => void readAll(of, trust, head, report, quitting);
    size.hidden = go.hidden = false;
    go.focus();
  } catch (err) {
    report.failed(err);
  }
}

async function readAll(of: string, trust: Trust, head: Checkpoint, report: Report, quitting: AbortController): Promise<void> {
  const go = need("go", HTMLButtonElement);
  const stop = need("stop", HTMLButtonElement);
  const progress = need("progress", HTMLProgressElement);
  go.hidden = true;
  stop.hidden = progress.hidden = false;
  progress.value = 0;
  stop.onclick = () => quitting.abort();
  try {
    const { key, uses } = await fetchMine(of, true); // after the head: no use that it covers is missing for being new
    const listed = [...uses, ...shown(of, uses)].filter((u) => u.index < head.size);
    const earlier = await receipts(trust, head, uses);
    const trail = await follow(log(quitting.signal), head, earlier, key, listed, (done, all) => {
      progress.max = all;
      progress.value = done;
    });
    report.step(say(earlier.length > 0 ? "all" : "all-only", trail.entries));
    const list = (all: Listed[]) => all.map((u) => number(u.index)).join(", ");
    if (trail.repeated.length > 0) report.step(say("repeated", list(trail.repeated)));
    if (complete(trail)) return report.end("ok", say("present", trail.present, trail.present + 1));
    const wrong = [];
    if (trail.absent.length > 0) wrong.push(say("absent", trail.absent.length));
    if (trail.unlisted.length > 0) wrong.push(say("unlisted", trail.unlisted.length, list(trail.unlisted)));
    if (trail.skipped.length > 0) wrong.push(say("skipped", trail.skipped.map(number).join(", ")));
    report.end("no", ...wrong, say("incomplete"));
  } catch (err) {
    report.failed(err);
  } finally {
    stop.hidden = progress.hidden = true;
  }
}

/** Uses that the page shows and the list does not have: the list is checked, and the person reads the page. */
function shown(of: string, uses: Listed[]): Listed[] {
  const buttons = [...document.querySelectorAll<HTMLButtonElement>(`[data-check][data-of="${CSS.escape(of)}"]`)];
  const all = buttons.map((b) => ({ n: Number(b.dataset.n), index: Number(b.dataset.index) }));
  return all.filter((s) => !uses.some((u) => u.n === s.n && u.index === s.index));
}

/** The states of the log that the receipts of the newest uses rest on: they must all be of this one log. */
async function receipts(trust: Trust, head: Checkpoint, uses: Listed[]): Promise<Checkpoint[]> {
  const MOST = 50;
  const out: Checkpoint[] = [];
  for (const u of uses.filter((u) => u.index < head.size).slice(0, MOST)) {
    const { checkpoint } = await verifyReceipt(trust, await fetchText(`/record/receipts/${u.index}`), u.index);
    if (checkpoint.size <= head.size && !out.some((c) => c.size === checkpoint.size)) out.push(checkpoint);
  }
  return out;
}

reveal();
for (const b of document.querySelectorAll<HTMLButtonElement>("[data-check]")) b.addEventListener("click", () => void checkUse(b));
for (const b of document.querySelectorAll<HTMLButtonElement>("#complete button[data-of]")) b.addEventListener("click", () => void offer(b.dataset.of ?? ""));
