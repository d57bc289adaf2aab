// The account page's part about the key in this browser: make it, see where its appointment stands, delete it.

import { forgetKey, heldKeys, keepKey, makeKey } from "./_keystore";
import { post, problem } from "./_session";
import { need, say } from "./_words";

const panel = document.getElementById("keys");

function tell(text: string): void {
  need("key-says", HTMLParagraphElement).textContent = text;
}

/** The account page in the language it is shown in. */
const here = location.pathname.replace(/\/$/, "");

async function make(button: HTMLButtonElement): Promise<void> {
  button.disabled = true;
  tell(say("making"));
  try {
    await register();
  } finally {
    button.disabled = false;
  }
}

async function register(): Promise<void> {
  let made;
  try {
    made = await makeKey();
  } catch {
    return tell(say("no-ed25519"));
  }
  try {
    await keepKey({ ...made, office: "" }); // kept first: an appointment of a key that is gone helps nobody
  } catch {
    return tell(say("no-store"));
  }
  const res = await post(`${here}/keys`, { key: made.pub }).catch(() => null);
  if (!res?.ok) {
    await forgetKey(made.pub);
    return tell(say("refused", res ? (await problem(res)).text : "–"));
  }
  const { office } = (await res.json()) as { office: string };
  await keepKey({ ...made, office });
  location.assign("?done=key-added#key");
}

async function show(): Promise<void> {
  const held = new Set((await heldKeys()).map((k) => k.pub));
  const listed = [...document.querySelectorAll<HTMLElement>("[data-key]")].filter((e) => held.has(e.dataset.key ?? ""));
  for (const e of listed) e.querySelector<HTMLElement>("[data-here]")?.removeAttribute("hidden");
  const forget = need("forget-key", HTMLButtonElement);
  forget.hidden = listed.length === 0;
  forget.onclick = async () => {
    if (!confirm(say("sure"))) return;
    for (const e of listed) {
      await forgetKey(e.dataset.key ?? "");
      e.querySelector<HTMLElement>("[data-here]")?.setAttribute("hidden", "");
    }
    forget.hidden = true;
    tell(say("forgotten"));
  };
}

if (panel) {
  panel.hidden = false;
  const button = need("make-key", HTMLButtonElement);
  button.addEventListener("click", () => void make(button));
  void show();
}
