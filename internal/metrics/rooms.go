package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Sources are asked at every scrape; each must answer from memory. A nil one counts as a room where nothing has happened, so that
// a query over it gives zero and no gap.
type Sources struct {
	Ready     func() bool
	Record    func() Record
	Guardians func() []Guardian
	Store     func() Store
	Desk      func() Desk
	MQTT      func() MQTT
	Devices   func() Devices
	Rights    func() Rights
	Erasures  func() Erasures
}

// Record is the public log.
type Record struct {
	Size      uint64 // leaves integrated
	Published uint64 // of these, under a co-signed checkpoint
	Quorum    bool
}

// Guardian is one guardian of the configuration.
type Guardian struct {
	Name string // as the configuration has it
	Up   bool   // it answered when it was last asked
	Size uint64 // leaves it has mirrored
}

// Store is the embedded store's disk; zero for PostgreSQL.
type Store struct {
	Bytes       uint64 // on disk
	Compactions uint64
	Stalls      uint64 // times that writers waited for compaction
}

// Desk is the entrance of readings.
type Desk struct {
	Messages, Readings, Quarantined, Refused, Batches uint64
	Waiting, Full                                     int // messages on their way; devices whose queue is full
}

// MQTT is the edge for devices.
type MQTT struct {
	Connections, Pending, Taking              int
	Messages, Acknowledged, Quarantined, Lost uint64 // Lost: connections that ended in a fault of the protocol library
	Refused                                   map[string]uint64
}

// Devices is the register.
type Devices struct{ Known, InForce int }

// rooms turns Sources into metrics.
type rooms struct {
	sources atomic.Pointer[Sources]
	all     []series
}

// series is one metric, or one for each value of a label.
type series struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*snapshot, func(value float64, label ...string))
}

// snapshot is what the sources said at one scrape: each is asked once.
type snapshot struct {
	ready     bool
	record    Record
	guardians []Guardian
	store     Store
	desk      Desk
	mqtt      MQTT
	devices   Devices
	rights    Rights
	erasures  Erasures
}

func newRooms() *rooms {
	r := &rooms{}
	r.sources.Store(&Sources{})
	r.gauge("tribune_ready", "Whether the hub is ready, as /readyz says.", func(s *snapshot) float64 { return truth(s.ready) })
	r.gauge("tribune_record_leaves", "Leaves in the log, published or not.", func(s *snapshot) float64 { return float64(s.record.Size) })
	r.gauge("tribune_record_unpublished_leaves", "Leaves that wait for co-signatures.", func(s *snapshot) float64 {
		return float64(s.record.Size) - float64(min(s.record.Published, s.record.Size))
	})
	r.gauge("tribune_record_quorum", "Whether enough guardians co-sign: without them nothing personal opens.", func(s *snapshot) float64 { return truth(s.record.Quorum) })
	r.labelled("tribune_guardian_up", "Whether a guardian answered when it was last asked.", "guardian", prometheus.GaugeValue, func(s *snapshot, tell func(float64, ...string)) {
		for _, g := range s.guardians {
			tell(truth(g.Up), g.Name)
		}
	})
	r.labelled("tribune_guardian_leaves", "Leaves that a guardian has mirrored.", "guardian", prometheus.GaugeValue, func(s *snapshot, tell func(float64, ...string)) {
		for _, g := range s.guardians {
			tell(float64(g.Size), g.Name)
		}
	})
	r.gauge("tribune_store_bytes", "Size of the embedded store on disk.", func(s *snapshot) float64 { return float64(s.store.Bytes) })
	r.counter("tribune_store_compactions_total", "Compactions of the embedded store.", func(s *snapshot) float64 { return float64(s.store.Compactions) })
	r.counter("tribune_store_stalls_total", "Times that writers waited for compaction.", func(s *snapshot) float64 { return float64(s.store.Stalls) })
	r.intake()
	r.rights()
	r.erasures()
	return r
}

func (r *rooms) intake() {
	r.counter("tribune_desk_messages_total", "Messages of devices and gateways that were taken.", func(s *snapshot) float64 { return float64(s.desk.Messages) })
	r.counter("tribune_desk_readings_total", "Readings in them.", func(s *snapshot) float64 { return float64(s.desk.Readings) })
	r.counter("tribune_desk_quarantined_total", "Messages that were authentic and bad.", func(s *snapshot) float64 { return float64(s.desk.Quarantined) })
	r.counter("tribune_desk_refused_total", "Messages that were not taken: too many, or the store was down.", func(s *snapshot) float64 { return float64(s.desk.Refused) })
	r.counter("tribune_desk_batches_total", "Batches that were written.", func(s *snapshot) float64 { return float64(s.desk.Batches) })
	r.gauge("tribune_desk_waiting_messages", "Messages on their way to the store.", func(s *snapshot) float64 { return float64(s.desk.Waiting) })
	r.gauge("tribune_desk_full_queues", "Devices whose queue is full.", func(s *snapshot) float64 { return float64(s.desk.Full) })
	r.gauge("tribune_mqtt_connections", "Open MQTT connections.", func(s *snapshot) float64 { return float64(s.mqtt.Connections) })
	r.gauge("tribune_mqtt_pending_connections", "Of these, not yet known as a device.", func(s *snapshot) float64 { return float64(s.mqtt.Pending) })
	r.gauge("tribune_mqtt_taking_messages", "Messages that are not acknowledged yet.", func(s *snapshot) float64 { return float64(s.mqtt.Taking) })
	r.counter("tribune_mqtt_messages_total", "Messages that arrived by MQTT.", func(s *snapshot) float64 { return float64(s.mqtt.Messages) })
	r.counter("tribune_mqtt_acknowledged_total", "Messages that are durable and were acknowledged.", func(s *snapshot) float64 { return float64(s.mqtt.Acknowledged) })
	r.counter("tribune_mqtt_quarantined_total", "Of these, bad ones: only their hash is kept.", func(s *snapshot) float64 { return float64(s.mqtt.Quarantined) })
	r.counter("tribune_mqtt_faults_total", "Connections that ended in a fault of the protocol library.", func(s *snapshot) float64 { return float64(s.mqtt.Lost) })
	r.labelled("tribune_mqtt_refused_total", "Connections and messages that were refused, by reason.", "reason", prometheus.CounterValue, func(s *snapshot, tell func(float64, ...string)) {
		if len(s.mqtt.Refused) == 0 {
			tell(0, "credentials")
		}
		for reason, n := range s.mqtt.Refused {
			tell(float64(n), reason)
		}
	})
	r.gauge("tribune_devices", "Devices in the register.", func(s *snapshot) float64 { return float64(s.devices.Known) })
	r.gauge("tribune_devices_in_force", "Of these, such that have begun and not ended.", func(s *snapshot) float64 { return float64(s.devices.InForce) })
}

func (r *rooms) gauge(name, help string, read func(*snapshot) float64) {
	r.single(name, help, prometheus.GaugeValue, read)
}

func (r *rooms) counter(name, help string, read func(*snapshot) float64) {
	r.single(name, help, prometheus.CounterValue, read)
}

func (r *rooms) single(name, help string, kind prometheus.ValueType, read func(*snapshot) float64) {
	r.all = append(r.all, series{prometheus.NewDesc(name, help, nil, nil), kind, func(s *snapshot, tell func(float64, ...string)) { tell(read(s)) }})
}

func (r *rooms) labelled(name, help, label string, kind prometheus.ValueType, read func(*snapshot, func(float64, ...string))) {
	r.all = append(r.all, series{prometheus.NewDesc(name, help, []string{label}, nil), kind, read})
}

func (r *rooms) watch(s Sources) { r.sources.Store(&s) }

// Describe implements prometheus.Collector.
func (r *rooms) Describe(out chan<- *prometheus.Desc) {
	for _, s := range r.all {
		out <- s.desc
	}
}

// Collect implements prometheus.Collector.
func (r *rooms) Collect(out chan<- prometheus.Metric) {
	src := r.sources.Load()
	s := &snapshot{
		ready: ask(src.Ready), record: ask(src.Record), guardians: ask(src.Guardians), store: ask(src.Store),
		desk: ask(src.Desk), mqtt: ask(src.MQTT), devices: ask(src.Devices), rights: ask(src.Rights), erasures: ask(src.Erasures),
	}
	for _, one := range r.all {
		one.read(s, func(value float64, label ...string) {
			out <- prometheus.MustNewConstMetric(one.desc, one.kind, value, label...)
		})
	}
}

func ask[T any](source func() T) (answer T) {
	if source != nil {
		answer = source()
	}
	return answer
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
