// How numbers and times are written, as the server writes them in the same language.
const lang = document.documentElement.lang || "en";
const numbers = new Intl.NumberFormat(lang, {maximumFractionDigits: 4});
const days = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, {day: "numeric", month: "long", year: "numeric", timeZone: "UTC"});

export const say = (n: number | null | undefined): string => (n == null ? "–" : numbers.format(n));

export function time(iso: string): string {
  const at = new Date(iso);
  if (isNaN(at.getTime()) || at.getUTCFullYear() < 1900) return "–";
  return `${days.format(at)}, ${at.toISOString().slice(11, 19)} UTC`;
}

// formats of a chart's time axis
export const clock = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, {hour: "2-digit", minute: "2-digit", timeZone: "UTC"});
export const day = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, {day: "numeric", month: "short", timeZone: "UTC"});
