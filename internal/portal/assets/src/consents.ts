// What I permit: a yes is signed by this browser's own key when it is pressed; a no is sent as it is. One press each.

import { concat, label, toBase64, utf8 } from "./_bytes";
import { heldKeys } from "./_keystore";
import { parseCanonical } from "./_leaf";
import { say } from "./_words";

const MEMBERS = ["city", "class", "from", "id", "purpose", "recipient", "subject", "until", "version"];

/** Whether a text is the consent that the page asks for, and nothing else. */
function asked(text: string, d: DOMStringMap): boolean {
  const v = parseCanonical(text);
  if (v === null || typeof v !== "object" || Array.isArray(v)) return false;
  const c = v as Record<string, unknown>;
  return (
    Object.keys(c).sort().join() === MEMBERS.join() &&
    c.version === 1 &&
    c.purpose === d.purpose &&
    c.class === d.class &&
    c.recipient === d.recipient
  );
}

function field(form: HTMLFormElement, name: string): HTMLInputElement {
  const e = form.elements.namedItem(name);
  if (e instanceof HTMLInputElement) return e;
  throw new Error(`the form has no ${name}`);
}

/** Signs a yes (docs/protocol.md, Consent) and sends it; false where it cannot. */
async function agree(form: HTMLFormElement, button: HTMLButtonElement): Promise<void> {
  const says = form.querySelector<HTMLElement>(".says");
  const tell = (key: string): void => {
    if (says) says.textContent = say(key);
  };
  const mine = (form.dataset.keys ?? "").split(" ");
  const key = (await heldKeys()).find((k) => mine.includes(k.pub));
  if (!key) return tell("no-key");
  const text = form.dataset.text ?? "";
  if (!asked(text, form.dataset)) return tell("wrong-text");
  tell("signing");
  const signature = await crypto.subtle.sign("Ed25519", key.pair.privateKey, concat(label("consent"), utf8(text)));
  field(form, "key").value = key.pub;
  field(form, "signature").value = toBase64(new Uint8Array(signature));
  form.dataset.signed = "yes";
  form.requestSubmit(button);
}

for (const form of document.querySelectorAll<HTMLFormElement>("form.yesno")) {
  form.addEventListener("submit", (e) => {
    const button = e.submitter;
    if (!(button instanceof HTMLButtonElement) || button.value !== "yes" || form.dataset.signed === "yes") return;
    e.preventDefault();
    void agree(form, button);
  });
}
