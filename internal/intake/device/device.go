// Package device is the city's register of devices. A device is a public, signed document: it says what it senses and what it
// cannot sense, who owns it, why it is there, what it costs, what works by hand when it is off, and when it ends. What
// has no such document, signed by the city's steward, may not feed the city.
//
// The edges (MQTT, HTTP) authenticate devices here, the desk asks what a device may report, and the portal shows the
// documents and what became of the messages. The package promises: a document is in force only with a valid signature of
// the steward and every answer given (document.go); older documents never come back over newer ones; a token is known by
// its SHA-256 only and compared in constant time; nothing here ever holds a payload.
package device

import (
	"crypto/ed25519"
	"time"

	"tribune"
)

// Kind is what sort of thing a device is.
type Kind string

// The kinds of device.
const (
	Sensor        Kind = "sensor"
	Gateway       Kind = "gateway"        // passes on what others sense
	NetworkServer Kind = "network-server" // of a LoRaWAN
	Feed          Kind = "feed"           // a file or service of another organisation
)

// Document is what the steward signed. Every field is public.
type Document struct {
	ID           string
	Title        string
	Kind         Kind
	Owner        string
	Contact      string
	Place        Place
	Need         string   // why it is there
	Alternative  string   // what a person can do who does not want to be sensed
	Cost         string   // in words: to buy, and a year
	Fallback     string   // what works by hand when it is off
	CannotSense  []string // in plain words
	From         time.Time
	Until        time.Time // exclusive; never zero, at most MaxLife after From
	Senses       []Sense
	TokenSHA256  tribune.Hash
	SigningKey   ed25519.PublicKey // nil = messages need no signature; else every one must be signed (COSE)
	Topics       []string          // MQTT topic filters it may publish to
	PerMinute    int               // messages
	city         string
	senseByName  map[string]int // of senses without a wildcard
	senseByShape []int          // of senses with one, in order
}

// Place is where a device stands.
type Place struct {
	Name                string
	Longitude, Latitude float64
}

// Sense is one thing a device reports, and where in the city's model it goes.
type Sense struct {
	Title            string
	Name             string           // SenML name or JSON member; one path segment may be *
	Entity           tribune.EntityID // may hold {1}: what stands for the *
	Type             tribune.Name
	Attribute        tribune.Name
	Unit             string // "" = readings carry none
	Minimum, Maximum *float64
	UnitCode         string // Unit as the city's model has it, UN/CEFACT where there is a code
	types            []tribune.Name
}

// Device is a registered device. A Device never changes; Current is the newest of its id.
type Device struct {
	Document
	Signed []byte // the document as it was signed; do not change
	targets
	*ledger
}

// InForce reports whether the document has begun and has not ended.
func (d *Device) InForce(now time.Time) bool { return !now.Before(d.From) && now.Before(d.Until) }

// Current is the device's newest document, nil where it was withdrawn or its token was changed since d was
// authenticated: a connection that lasts longer than a document ends with it.
func (d *Device) Current() *Device {
	now := d.newest.Load()
	if now == nil || now.TokenSHA256 != d.TokenSHA256 {
		return nil
	}
	return now
}
