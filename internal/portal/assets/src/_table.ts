// Entities as a CSV table (RFC 4180): one row each, columns by name. A cell that a spreadsheet would take for a formula gets
// an apostrophe before it.

export type Entity = Record<string, unknown>;

export function toCSV(entities: Entity[]): string {
  const columns = [...new Set(entities.flatMap((e) => Object.keys(e)))].filter((c) => c !== "@context");
  const first = ["id", "type"].filter((c) => columns.includes(c));
  const rest = columns.filter((c) => !first.includes(c)).sort();
  const rows = [[...first, ...rest], ...entities.map((e) => [...first, ...rest].map((c) => text(e[c])))];
  return rows.map((row) => row.map(cell).join(",") + "\r\n").join("");
}

function text(v: unknown): string {
  if (v === undefined || v === null) return "";
  if (typeof v === "object" && "@value" in v) return text(v["@value"]); // a JSON-LD value, such as a time
  return typeof v === "object" ? JSON.stringify(v) : String(v);
}

function cell(s: string): string {
  const plain = s !== "" && !Number.isNaN(Number(s));
  const safe = !plain && /^[\s\ufeff]*[=+\-@|\uff1d\uff0b\uff0d\uff20]/.test(s) ? `'${s}` : s;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
