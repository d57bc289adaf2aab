package city

import (
	"log/slog"
	"time"

	"tribune"
	"tribune/internal/portal"
	"tribune/internal/tagindex"
	"tribune/policy"
)

// Config is a hub's configuration; its comments are the manual.
type Config struct {
	Dir     Dir    // the city's directory; the hub's part is DIR/hub
	City    string // its name in identities; for ever
	Origin  string // of the log: its key's name
	Address string // HOST:PORT to listen on
	Next    int    // how many ports above to try where it is taken: 0 for an address the user chose
	URL     string // public base URL, as people and providers reach the hub; "" = http://localhost:PORT, or the address where that is not loopback

	Certificate, Key string // PEM files: the hub speaks TLS itself; "" = whoever stands in front of it does

	MQTT      MQTT       // where devices connect
	Providers []Provider // who vouches for people; none = nobody can log in
	Metrics   string     // HOST:PORT of /metrics; "" = on the main port, for direct callers on this machine
	Notify    []string   // ranges of addresses inside to which notifications may go, besides the public internet

	StoreURL string // postgres://... ; "" = embedded Pebble in DIR/hub/store

	Guardians []Guardian // how they are reached
	T, W      int        // shares that open; co-signatures that publish

	Trust        policy.Trust          // whose signatures make law
	TraceMandate tribune.MandateID     // under which the hub enrols people in the trace
	TraceEvery   time.Duration         // how often the index of tags is made; 0 = once a day, as a city does
	TraceBuilt   func(tagindex.Latest) // is told of each; nil = nobody
	VitalEvery   time.Duration         // between inventories of single-use keys that have changed; 0 = an hour

	ContextMap       string // JSON file {context URL: file beside it}, besides the shipped ones; "" = none
	DownloadContexts bool   // other contexts are downloaded, from public addresses alone

	Demo        string           // "" = not a demo; else the sentence every page carries
	DeviceClock func() time.Time // what devices' clocks are held against; nil = the time. A demo's devices live in demo time
	Facts       func() []portal.Fact
	Log         *slog.Logger
}

// MQTT is where devices connect; "" = not.
type MQTT struct {
	Address          string // in the clear
	TLSAddress       string
	Certificate, Key string // PEM files for TLSAddress; "" = those of Config
	Next             int    // as Config.Next
}

// Guardian is how one guardian is reached.
type Guardian struct {
	Name string
	Key  string // note verifier key
	URL  string // https://host:port; in a demo http
}
