package city

import "tribune/internal/metrics"

// readings are the rooms through which readings come in, as metrics see them. They are open before anything is served.
func (h *Hub) readings(s *metrics.Sources) {
	s.Desk = func() metrics.Desk {
		d := h.intake.desk.Stats()
		return metrics.Desk{Messages: d.Messages, Readings: d.Readings, Quarantined: d.Quarantined, Refused: d.Refused, Batches: d.Batches, Waiting: d.Waiting, Full: d.Full}
	}
	s.Rights = h.rightsReadings
	s.Erasures = h.erasureReadings
	s.MQTT = func() metrics.MQTT {
		e := h.intake.mqtt.Stats()
		return metrics.MQTT{
			Connections: e.Connections, Pending: e.Pending, Taking: e.Taking,
			Messages: e.Messages, Acknowledged: e.Acknowledged, Quarantined: e.Quarantined, Lost: e.Panics, Refused: e.Refused,
		}
	}
	s.Devices = func() metrics.Devices {
		known := h.devices.List()
		counted := metrics.Devices{Known: len(known)}
		for _, d := range known {
			if d.InForce(h.now()) {
				counted.InForce++
			}
		}
		return counted
	}
}
