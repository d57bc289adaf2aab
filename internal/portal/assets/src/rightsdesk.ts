// An officer's answer to a person: signs the act that the page shows, an act of kind decide.

import { heldKeys } from "./_keystore";
import { lookAt, signAct } from "./_sign";
import { need, reveal, say } from "./_words";

reveal();

async function sign(form: HTMLFormElement, button: HTMLButtonElement): Promise<void> {
  const says = need("sign-says", HTMLParagraphElement);
  const d = form.dataset;
  const key = (await heldKeys()).find((k) => k.pub === d.key && k.office === d.office);
  if (!key) {
    says.textContent = say("no-key");
    return;
  }
  const text = d.text ?? "";
  if (!lookAt(text, { kind: "decide", office: key.office, purpose: d.purpose ?? "", mandate: d.mandate ?? "" }, Date.now())) {
    says.textContent = say("wrong-act");
    return;
  }
  button.disabled = true;
  says.textContent = say("signing");
  need("signature", HTMLInputElement).value = await signAct(key, text);
  form.submit();
}

/** Chooses the key that this browser holds, where there are several. */
async function choose(select: HTMLSelectElement): Promise<void> {
  const held = new Set((await heldKeys()).map((k) => k.pub));
  const mine = [...select.options].find((o) => held.has(o.value));
  if (mine) select.value = mine.value;
}

const which = document.getElementById("which-key");
if (which instanceof HTMLSelectElement) void choose(which);

const form = document.getElementById("sign");
const button = document.getElementById("sign-now");
if (form instanceof HTMLFormElement && button instanceof HTMLButtonElement) {
  button.addEventListener("click", () => void sign(form, button));
  button.focus();
}
