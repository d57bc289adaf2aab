package metrics

import "github.com/prometheus/client_golang/prometheus"

// Rights are people's requests about their own data, as numbers alone. Offices are those of the register, so the series have a bound.
type Rights struct {
	Open, Soon, Late int // waiting; of these due soon; answered too late
	Overdue          map[string]int
	Consents         int // in force
}

func (r *rooms) rights() {
	r.gauge("tribune_rights_open_cases", "Requests of people about their own data that wait for an answer.", func(s *snapshot) float64 { return float64(s.rights.Open) })
	r.gauge("tribune_rights_due_soon_cases", "Of these, due soon.", func(s *snapshot) float64 { return float64(s.rights.Soon) })
	r.labelled("tribune_rights_overdue_cases", "Of these, past their legal time, by the office that must answer.", "office", prometheus.GaugeValue, func(s *snapshot, tell func(float64, ...string)) {
		if len(s.rights.Overdue) == 0 {
			tell(0, "any")
		}
		for office, n := range s.rights.Overdue {
			tell(float64(n), office)
		}
	})
	r.gauge("tribune_rights_late_cases", "Requests that were answered after their legal time, of those still kept.", func(s *snapshot) float64 { return float64(s.rights.Late) })
	r.gauge("tribune_rights_consents", "Consents in force.", func(s *snapshot) float64 { return float64(s.rights.Consents) })
}
