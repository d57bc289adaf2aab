// Calls of a logged-in person's page to the hub. The session's token travels in a header; the body is a form.

/** The session's token, which every form of the page carries. */
export function token(): string {
  return document.querySelector<HTMLInputElement>('input[name="csrf"]')?.value ?? "";
}

export function post(path: string, fields: Record<string, string>): Promise<Response> {
  return fetch(path, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { Accept: "application/json", "Tribune-CSRF": token() },
    credentials: "same-origin",
    cache: "no-store",
  });
}

export function postJSON(path: string, body?: unknown): Promise<Response> {
  return fetch(path, {
    method: "POST",
    body: body === undefined ? "" : JSON.stringify(body),
    headers: { Accept: "application/json", "Content-Type": "application/json", "Tribune-CSRF": token() },
    credentials: "same-origin",
    cache: "no-store",
  });
}

/** What problem details (RFC 9457) say, for people. */
export async function problem(res: Response): Promise<{ code: string; text: string }> {
  try {
    const p = (await res.json()) as { title?: string; detail?: string; hint?: string; missing?: string[]; problem?: string };
    const text = [p.detail || p.title, ...(p.missing ?? []), p.hint].filter(Boolean).join(". ");
    return { code: p.problem ?? "", text: text || String(res.status) };
  } catch {
    return { code: "", text: String(res.status) };
  }
}
