// The parts of Leaflet that the map uses, in place of the whole library (see build/main.go).
import {Map as LeafletMap} from "leaflet/src/map/Map.js";
import {DoubleClickZoom} from "leaflet/src/map/handler/Map.DoubleClickZoom.js";
import {Drag} from "leaflet/src/map/handler/Map.Drag.js";
import {Keyboard} from "leaflet/src/map/handler/Map.Keyboard.js";
import {TouchZoom} from "leaflet/src/map/handler/Map.TouchZoom.js";
import "leaflet/src/layer/Popup.js";

// Handlers find themselves as properties of Map, as in Leaflet's own index.
Object.assign(LeafletMap, {DoubleClickZoom, Drag, Keyboard, TouchZoom});

export {LeafletMap as Map};
export {LatLngBounds} from "leaflet/src/geo/LatLngBounds.js";
export {DivIcon} from "leaflet/src/layer/marker/DivIcon.js";
export {Marker} from "leaflet/src/layer/marker/Marker.js";
