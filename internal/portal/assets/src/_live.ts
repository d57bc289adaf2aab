// Live values: /city.json is asked every few seconds while somebody looks, and what changed is marked.
import {say, time} from "./_say";

const every = 5_000; // milliseconds; a city changes no faster
const atMost = 60_000; // after failures

type Row = Record<string, unknown> & {id: string; band?: string};
interface City {
  published: number;
  cosigners: number;
  quorum: boolean;
  act?: number;
  free: number;
  pm25: number;
  parks: Row[] | null;
  stations: Row[] | null;
}

export function follow(changed: () => void): void {
  let wait = every;
  let timer = 0;
  let act: number | undefined;
  let begun = false;
  let quorum: boolean | undefined;

  const ask = async (): Promise<void> => {
    try {
      const answer = await fetch("/city.json", {headers: {Accept: "application/json"}, signal: AbortSignal.timeout(10_000)});
      if (!answer.ok) throw new Error(String(answer.status));
      const city = (await answer.json()) as City;
      figures(city);
      for (const row of [...(city.parks ?? []), ...(city.stations ?? [])]) values(row);
      changed();
      if (begun && (city.act !== act || city.quorum !== quorum)) await parts();
      act = city.act;
      quorum = city.quorum;
      begun = true;
      wait = every;
    } catch {
      wait = Math.min(wait * 2, atMost);
    }
    next();
  };
  const next = () => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") timer = window.setTimeout(() => void ask(), wait);
  };
  document.addEventListener("visibilitychange", next);
  next();
}

// parts takes what only the server words, the list of acts and the cards, from the page as it is now.
async function parts(): Promise<void> {
  const answer = await fetch(location.href, {headers: {Accept: "text/html"}});
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of ["#acts-list", ".cards"]) {
    const [was, is] = [document.querySelector(part), fresh.querySelector(part)];
    if (!was || !is || was.innerHTML === is.innerHTML || was.contains(document.activeElement)) continue;
    was.replaceChildren(...is.childNodes);
    if (part === "#acts-list") was.querySelector("li")?.classList.add("fresh");
  }
}

function figures(city: City): void {
  put(document.querySelector(".cards [data-live=free]"), say(city.free));
  put(document.querySelector(".cards [data-live=pm25]"), say(city.pm25));
  put(document.querySelector(".cards [data-live=published]"), say(city.published));
  put(document.querySelector(".cards [data-live=cosigners]"), say(city.cosigners));
}

function values(row: Row): void {
  const line = document.querySelector(`tr[data-id="${CSS.escape(row.id)}"]`);
  if (!(line instanceof HTMLElement)) return;
  if (row.band) line.dataset.band = row.band;
  for (const el of line.querySelectorAll<HTMLElement>("[data-live]")) {
    const key = el.dataset.live ?? "";
    const value = row[key];
    if (el instanceof HTMLMeterElement) el.value = Number(value);
    else if (el instanceof HTMLTimeElement && typeof value === "string") {
      el.dateTime = value;
      put(el, time(value), false);
    } else if (key === "band") put(el, el.dataset[String(value)] ?? "–", false);
    else put(el, say(value as number | null));
  }
}

function put(el: Element | null, text: string, mark = true): void {
  if (!el || el.textContent === text) return;
  el.textContent = text;
  if (!mark) return;
  el.classList.remove("fresh");
  void (el as HTMLElement).offsetWidth; // begins the animation anew
  el.classList.add("fresh");
}
