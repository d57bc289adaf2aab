// Passkeys: logging in with one (login page), adding one (account page). The login room's JSON goes to the browser and back.

import { postJSON, problem } from "./_session";
import { has, reveal, say } from "./_words";

interface Options {
  publicKey: never; // as parse…FromJSON takes it
}

const says = document.getElementById("passkey-says");

function tell(key: string): void {
  if (says) says.textContent = say(key);
}

/** Runs one ceremony; what goes wrong is told in words. */
async function ceremony(working: string, run: () => Promise<Response>): Promise<Response | null> {
  tell(working);
  try {
    const res = await run();
    if (res.ok) return res;
    const { code } = await problem(res);
    tell(has(code) ? code : "unknown");
  } catch (err) {
    tell(err instanceof DOMException ? "cancelled" : "unknown");
  }
  return null;
}

async function logIn(back: string): Promise<void> {
  const res = await ceremony("working", async () => {
    const begin = await postJSON("/login/passkey/begin", { return: back });
    if (!begin.ok) return begin;
    const { publicKey } = (await begin.json()) as Options;
    const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
    return postJSON("/login/passkey/finish", (credential as PublicKeyCredential).toJSON());
  });
  if (!res) return;
  const { to } = (await res.json()) as { to: string };
  const target = new URL(to, location.href);
  location.assign(target.origin === location.origin ? target.href : "/");
}

async function add(label: string): Promise<void> {
  const res = await ceremony("adding", async () => {
    const begin = await postJSON("/account/passkeys/begin");
    if (!begin.ok) return begin;
    const { publicKey } = (await begin.json()) as Options;
    const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
    return postJSON("/account/passkeys/finish", { ...(credential as PublicKeyCredential).toJSON(), label });
  });
  if (res) location.assign("?done=passkey-added");
}

if (typeof PublicKeyCredential !== "undefined" && "parseRequestOptionsFromJSON" in PublicKeyCredential) {
  const button = document.querySelector<HTMLButtonElement>("#passkey-login button");
  button?.addEventListener("click", () => void logIn(button.dataset.return ?? "/"));
  const form = document.getElementById("passkey-add");
  form?.addEventListener("submit", (e) => {
    e.preventDefault();
    void add(form.querySelector<HTMLInputElement>("#label")?.value ?? "");
  });
  const part = button?.parentElement ?? form;
  if (part) part.hidden = false;
  if (form) reveal(form);
}
