// The map: places as signs on an empty ground with squares of one kilometre. There is no picture from elsewhere.
import {DivIcon, LatLngBounds, Map, Marker, type LeafletKeyboardEvent} from "leaflet";
import "leaflet/dist/leaflet.css";
import {cell, places, type Place} from "./_places";

interface Sign {
  place: Place;
  marker: Marker;
}

const kilometre = 1 / 111.32; // degrees of latitude

export class CityMap {
  private readonly map: Map;
  private readonly box: HTMLElement;
  private signs: Sign[] = [];
  private kind = "";

  constructor(box: HTMLElement) {
    this.box = box;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.map = new Map(box, {attributionControl: false, zoomControl: false, zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false, inertia: !calm, zoomSnap: 0.25, minZoom: 8, maxZoom: 18});
    this.map.on("move zoom resize viewreset", () => this.ground());
    // Leaflet closes on Escape only while the map itself has the focus.
    box.addEventListener("keydown", (e) => {
      if (e.key === "Escape") this.map.closePopup();
    });
    this.map.on("popupopen", (e) => {
      const close = e.popup.getElement()?.querySelector(".leaflet-popup-close-button");
      close?.setAttribute("aria-label", box.dataset.close ?? "");
    });
  }

  // show draws the places of one kind and looks at them all.
  show(kind: string): void {
    for (const s of this.signs) s.marker.remove();
    this.kind = kind;
    const shown = places().filter((p) => p.kind === kind);
    if (shown.length === 0) return;
    const bounds = new LatLngBounds(shown.map((p) => [p.lat, p.lon]));
    this.map.fitBounds(bounds, {padding: [36, 36], maxZoom: 16, animate: false});
    this.signs = shown.map((place) => ({place, marker: this.sign(place)}));
  }

  // refresh shows what the tables say now.
  refresh(): void {
    for (const {place, marker} of this.signs) {
      marker.setIcon(this.icon(place));
      this.dress(place, marker);
      // A card that somebody is in stays: new content would take the focus away.
      if (marker.isPopupOpen() && !marker.getPopup()?.getElement()?.contains(document.activeElement)) marker.setPopupContent(this.card(place));
    }
  }

  get shows(): string {
    return this.kind;
  }

  private sign(place: Place): Marker {
    const marker = new Marker([place.lat, place.lon], {icon: this.icon(place), keyboard: true, riseOnHover: true});
    marker.bindPopup(() => this.card(place), {maxWidth: 260, autoPan: true, autoPanPadding: [20, 20]});
    // Enter opens (Leaflet's own), and the reader lands in what opened; closing leads back.
    marker.on("keydown", (e: LeafletKeyboardEvent) => {
      if (e.originalEvent.key === " ") {
        e.originalEvent.preventDefault();
        marker.openPopup();
      }
    });
    let byKeyboard = false;
    marker.on("popupopen", () => {
      byKeyboard = document.activeElement === marker.getElement();
      if (byKeyboard) setTimeout(() => marker.getPopup()?.getElement()?.querySelector<HTMLElement>("a")?.focus());
    });
    marker.on("popupclose", () => {
      if (byKeyboard) marker.getElement()?.focus();
    });
    marker.addTo(this.map);
    this.dress(place, marker);
    return marker;
  }

  private figure(place: Place): string {
    return cell(place.row, place.kind === "park" ? "free" : "pm25");
  }

  private icon(place: Place): DivIcon {
    const text = document.createElement("span");
    text.textContent = this.figure(place);
    text.setAttribute("aria-hidden", "true");
    const size = this.size(place);
    return new DivIcon({className: `place ${place.kind} ${place.row.dataset.band ?? "none"}`, html: text, iconSize: [size, size]});
  }

  // The area of a car park's sign follows its places; none is smaller than a finger needs.
  private size(place: Place): number {
    const small = this.box.clientWidth < 500;
    if (place.kind !== "park") return small ? 28 : 36;
    const many = Number(place.row.querySelector("[data-live=places]")?.textContent?.replace(/\D/g, "")) || 0;
    return Math.round(Math.min(small ? 30 : 54, Math.max(small ? 26 : 34, Math.sqrt(many) * 1.4)));
  }

  private dress(place: Place, marker: Marker): void {
    const el = marker.getElement();
    el?.setAttribute("aria-label", `${place.name}: ${this.figure(place)}, ${cell(place.row, "band")}`);
    el?.setAttribute("title", place.name);
  }

  // card is what a popup shows: the row of the table.
  private card(place: Place): HTMLElement {
    const box = document.createElement("div");
    const line = (text: string, tag = "p") => {
      const el = document.createElement(tag);
      el.textContent = text;
      box.append(el);
      return el;
    };
    const name = document.createElement("strong");
    name.textContent = place.name;
    line("").append(name);
    for (const td of place.row.querySelectorAll<HTMLElement>("td[data-label]")) line(`${td.dataset.label}: ${td.innerText.trim()}`);
    const more = document.createElement("a");
    more.href = place.href;
    more.textContent = this.box.dataset.more ?? "";
    line("").append(more);
    return box;
  }

  // ground moves the squares under the places.
  private ground(): void {
    const centre = this.map.getCenter();
    const a = this.map.latLngToContainerPoint([centre.lat, centre.lng]);
    const b = this.map.latLngToContainerPoint([centre.lat + kilometre, centre.lng]);
    let step = Math.abs(a.y - b.y);
    if (!(step > 0)) return;
    while (step < 12) step *= 10;
    // A fixed point of the ground: the north-west corner of the square that the first place lies in.
    const first = this.signs[0]?.place;
    const fix = this.map.latLngToContainerPoint(first ? [first.lat, first.lon] : centre);
    this.box.style.backgroundSize = `${step}px ${step}px`;
    this.box.style.backgroundPosition = `${fix.x % step}px ${fix.y % step}px`;
  }

  zoom(by: number): void {
    this.map.setZoom(this.map.getZoom() + by);
  }
}
