// Texts of a script stand in its page, in the reader's language: <template id="words"><span data-word="KEY">…</span>. {0},
// {1} … are the places of arguments.

export function say(key: string, ...args: (string | number)[]): string {
  const holder = document.getElementById("words");
  const found = holder instanceof HTMLTemplateElement ? holder.content.querySelector(`[data-word="${CSS.escape(key)}"]`) : null;
  const text = found?.textContent ?? key;
  return text.replace(/\{(\d)\}/g, (all, i) => {
    const arg = args[Number(i)];
    return arg === undefined ? all : typeof arg === "number" ? number(arg) : arg;
  });
}

/** Whether the page has a text for this key. */
export function has(key: string): boolean {
  return say(key) !== key;
}

export function number(n: number): string {
  return n.toLocaleString(document.documentElement.lang);
}

export function bytes(n: number): string {
  const unit = n < 1 << 20 ? "kilobyte" : "megabyte";
  const amount = unit === "kilobyte" ? n / 1024 : n / (1 << 20);
  return new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, maximumFractionDigits: amount < 10 ? 1 : 0 }).format(amount);
}

/** An element of the page, which must be there. */
export function need<T extends HTMLElement>(id: string, type: new () => T): T {
  const e = document.getElementById(id);
  if (e instanceof type) return e;
  throw new Error(`the page has no #${id}`);
}

/** Shows what only works with scripts. */
export function reveal(root: ParentNode = document): void {
  for (const e of root.querySelectorAll<HTMLElement>(".scripted[hidden]")) e.hidden = false;
}
