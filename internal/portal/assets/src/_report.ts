// How a check is told: its steps as they pass, and what came of it. The words stand in the page.

import { Refused, type Checkpoint, type Trust } from "./_verify";
import { say } from "./_words";

/** The list of steps of one check, and what came of it. */
export class Report {
  constructor(
    private readonly steps: HTMLElement,
    private readonly verdict: HTMLElement,
  ) {
    steps.replaceChildren();
    verdict.replaceChildren();
  }

  step(text: string): void {
    const li = document.createElement("li");
    li.className = "passed";
    li.textContent = text;
    this.steps.append(li);
  }

  end(kind: "ok" | "no" | "warn", ...lines: string[]): void {
    const div = document.createElement("div");
    div.className = `note ${kind}`;
    div.append(...lines.map((l) => Object.assign(document.createElement("p"), { textContent: l })));
    this.verdict.replaceChildren(div);
  }

  failed(err: unknown): void {
    if (err instanceof DOMException && err.name === "AbortError") return this.end("warn", say("stopped"));
    if (!(err instanceof Refused)) return this.end("warn", say("cannot", String(err)));
    // Not to be able to check is not the same as to have found something wrong.
    const words = err.reason === "fetch" || err.reason === "browser" ? "cannot" : "fails";
    this.end(words === "fails" ? "no" : "warn", say(words, say(`r-${err.reason}`)), err.message);
  }

  trust(t: Trust, own: boolean): void {
    this.step(say(own ? "own" : "server") + " " + (t.need > 0 ? say("trust", t.guardians.length, t.need) : say("trust-any", t.guardians.length)));
  }

  signatures(c: Checkpoint): void {
    const when = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium", timeZone: "UTC" });
    this.step(say("signatures", c.origin, c.size, c.cosignatures.map((s) => `${s.name} (${when.format(s.time * 1000)} UTC)`).join("; ")));
  }
}
