// The first page: a map beside the tables, live values, and a search that answers while one types.
import {CityMap} from "./_map";
import {follow} from "./_live";
import {places} from "./_places";
import {say} from "./_say";

const section = document.getElementById("map-section");
const box = document.getElementById("map");
let map: CityMap | undefined;

// The words first: the map waits until the page has been painted.
const begin = () => {
  if (!section || !box) return;
  const kinds = ["park", "air"].filter((kind) => places().some((p) => p.kind === kind));
  if (kinds.length > 0) {
    section.hidden = false;
    map = new CityMap(box);
    layers(map, box, kinds);
  }
};
requestAnimationFrame(() => setTimeout(begin));
follow(() => map?.refresh());
find();

// layers are the buttons that choose what the map shows, and those that zoom.
function layers(map: CityMap, box: HTMLElement, kinds: string[]): void {
  const group = document.getElementById("layers");
  const buttons = kinds.map((kind) => {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = box.dataset[kind] ?? kind;
    b.addEventListener("click", () => choose(kind));
    group?.append(b);
    return b;
  });
  const choose = (kind: string) => {
    map.show(kind);
    kinds.forEach((k, i) => buttons[i]?.setAttribute("aria-pressed", String(k === kind)));
    for (const el of document.querySelectorAll<HTMLElement>("[data-for]")) el.hidden = el.dataset.for !== kind;
  };
  const zoom = document.createElement("div");
  zoom.className = "choice";
  for (const [sign, by, label] of [["+", 0.75, box.dataset.in], ["−", -0.75, box.dataset.out]] as const) {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = sign;
    b.setAttribute("aria-label", label ?? sign);
    b.addEventListener("click", () => map.zoom(by));
    zoom.append(b);
  }
  group?.after(zoom);
  choose(kinds[0]!);
}

// find hides the rows that do not fit while one types; sending the form asks the server, which does the same.
function find(): void {
  const input = document.querySelector<HTMLInputElement>("#find-name");
  const found = document.getElementById("found");
  if (!input || !found) return;
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const row of document.querySelectorAll<HTMLTableRowElement>("tr[data-id]")) {
      const name = row.querySelector("th")?.textContent?.toLowerCase() ?? "";
      row.hidden = !wanted.every((word) => name.includes(word));
      if (!row.hidden) n++;
    }
    const text = n === 1 ? found.dataset.single : found.dataset.many?.replace("{n}", say(n));
    found.textContent = wanted.length === 0 ? "" : (text ?? "");
  });
}
