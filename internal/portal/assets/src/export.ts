// Opening one's own data: asks, shows the act, signs it with this browser's key, and offers what comes back as files. The
// values live in this page only.

import { heldKeys, type HeldKey } from "./_keystore";
import { lookAt, signAct } from "./_sign";
import { post, problem } from "./_session";
import { toCSV, type Entity } from "./_table";
import { need, reveal, say } from "./_words";

const OFFICE = "data-subject";
const PART = 1000; // entities of one answer

interface Asked {
  act: string;
  text: string;
  words: string[];
}

/** One class of data of one name, with its place on the page. */
class Opening {
  private part = 0;
  private readonly act: HTMLElement;
  private readonly result: HTMLElement;

  constructor(
    panel: HTMLElement,
    private readonly button: HTMLButtonElement,
  ) {
    this.act = panel.querySelector<HTMLElement>(".act") ?? panel;
    this.result = panel.querySelector<HTMLElement>(".result") ?? panel;
    button.addEventListener("click", () => void this.ask());
  }

  private fields(key: HeldKey): Record<string, string> {
    return { of: this.button.dataset.of ?? "", class: this.button.dataset.class ?? "", part: String(this.part), key: key.pub };
  }

  private tell(text: string): void {
    this.result.textContent = text;
  }

  private send(fields: Record<string, string>): Promise<Response | null> {
    return post(need("session", HTMLFormElement).dataset.action ?? "", fields).catch(() => null);
  }

  private async ask(): Promise<void> {
    this.button.disabled = true;
    try {
      this.tell(say("asking"));
      const may = (need("session", HTMLFormElement).dataset.keys ?? "").split(" ");
      const key = (await heldKeys()).find((k) => k.office === OFFICE && may.includes(k.pub));
      if (!key) return this.tell(say("no-key"));
      const res = await this.send(this.fields(key));
      if (!res) return this.tell(say("unreachable"));
      if (res.status !== 202) return await this.answered(res);
      this.show(key, (await res.json()) as Asked);
    } finally {
      this.button.disabled = false;
    }
  }

  /** Shows the act in words; nothing is signed before the person says so. */
  private show(key: HeldKey, asked: Asked): void {
    if (!lookAt(asked.text, { office: OFFICE }, Date.now())) return this.tell(say("wrong-act"));
    this.tell("");
    const raw = make("details", make("summary", say("raw")), make("pre", asked.text));
    raw.querySelector("pre")?.classList.add("wrap");
    const sign = make("button", say("sign"));
    const later = make("button", say("not-now"));
    later.className = "quiet";
    this.act.replaceChildren(make("h4", say("sign-title")), make("ul", ...asked.words.map((w) => make("li", w))), make("p", say("minute")), make("p", sign, " ", later), raw);
    this.act.hidden = false;
    sign.addEventListener("click", () => void this.sign(key, asked, sign));
    later.addEventListener("click", () => this.close());
    sign.focus();
  }

  private close(): void {
    this.act.hidden = true;
    this.act.replaceChildren();
    this.button.focus();
  }

  private async sign(key: HeldKey, asked: Asked, button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    this.tell(say("opening"));
    const res = await this.send({ ...this.fields(key), act: asked.act, signature: await signAct(key, asked.text) });
    this.close();
    if (!res) return this.tell(say("unreachable"));
    if (res.status === 404 || res.status === 409) return this.tell(say("late"));
    await this.answered(res);
  }

  private async answered(res: Response): Promise<void> {
    const entry = res.headers.get("Tribune-Entry") ?? "";
    if (!res.ok) {
      this.tell(say("refused", (await problem(res)).text));
      return this.link(entry);
    }
    const text = await res.text();
    const entities = JSON.parse(text) as Entity[];
    this.tell(entities.length === 0 ? say("none") : say("opened", entities.length));
    this.link(entry);
    if (entities.length > 0) {
      const name = `${this.button.dataset.class ?? "data"}-${this.part + 1}`;
      this.result.append(make("p", save(say("json"), `${name}.json`, "application/json", text), " ", save(say("csv"), `${name}.csv`, "text/csv", toCSV(entities))));
    }
    if (entities.length === PART) {
      this.part++;
      this.button.textContent = say("more", PART);
    }
  }

  private link(entry: string): void {
    if (!/^\d+$/.test(entry)) return;
    const a = make("a", say("entry", Number(entry)));
    a.href = `/record/entries/${entry}`;
    this.result.append(make("p", a));
  }
}

function make<K extends keyof HTMLElementTagNameMap>(tag: K, ...content: (Node | string)[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  e.append(...content);
  return e;
}

/** A link that saves text as a file, from this page's own memory. */
function save(title: string, name: string, type: string, text: string): HTMLAnchorElement {
  const a = make("a", title);
  a.className = "button quiet";
  a.download = name;
  a.href = URL.createObjectURL(new Blob([text], { type }));
  return a;
}

reveal();
for (const panel of document.querySelectorAll<HTMLElement>(".opening")) {
  const button = panel.querySelector<HTMLButtonElement>("button[data-class]");
  if (button) new Opening(panel, button);
}
