// What the map shows is read from the tables of the page, so that it can say nothing else.
export interface Place {
  row: HTMLTableRowElement;
  id: string;
  kind: string; // "park" or "air"
  name: string;
  href: string;
  lat: number;
  lon: number;
}

export function places(): Place[] {
  const all: Place[] = [];
  for (const row of document.querySelectorAll<HTMLTableRowElement>("tr[data-id]")) {
    const link = row.querySelector<HTMLAnchorElement>("th a");
    const {id, kind, lat, lon} = row.dataset;
    if (!link || !id || !kind || lat === undefined || lon === undefined) continue;
    all.push({row, id, kind, name: link.textContent ?? "", href: link.href, lat: Number(lat), lon: Number(lon)});
  }
  return all;
}

// cell is what the row says of one thing.
export const cell = (row: Element, key: string): string => row.querySelector(`:not(meter)[data-live="${key}"]`)?.textContent?.trim() ?? "";
