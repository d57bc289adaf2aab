package device

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"unicode"

	"github.com/BurntSushi/toml"

	"tribune"
	"tribune/policy"
)

// The text of a device document is TOML 1.0. A key that is not listed here is an error.
//
//	id = "air-001"                    lower-case letters, digits and -, at most 64; the file is ID.toml
//	title = "Air, High Street"
//	kind = "sensor"                   or gateway, network-server, feed
//	owner = "City Council"
//	contact = "air@city.example"
//	place = { name = "High Street 1", longitude = -1.89, latitude = 52.48 }
//	need = "..."                      why it is there
//	alternative = "..."               what a person can do who does not want to be sensed
//	cost = "..."                      to buy, and a year
//	fallback = "..."                  what works by hand when it is off
//	cannot_sense = ["faces", ...]     in plain words
//	from = 2026-11-22                 a day, or an instant with its zone; a newer document begins later
//	until = 2027-12-31                a day is included; at most five years after from
//	token_sha256 = "..."              lower-case hex, of the token as the device sends it
//	signing_key = "..."               optional, base64 of an Ed25519 public key: every message must be signed with it
//	topics = ["devices/air-001/#"]    optional, MQTT topic filters; this is the default
//	per_minute = 600                  optional, messages; this is the default
//	city = "city.example"             optional; where given it must be this city
//
//	[[senses]]                        one for each thing it reports
//	title = "Fine dust"
//	name = "pm25"                     as messages call it; one path segment may be *
//	entity = "urn:ngsi-ld:AirQualityObserved:high-street"   may hold {1}, what stands for the *
//	type = "https://..."              IRI of the entity's type
//	attribute = "https://..."         IRI
//	unit = "ug/m3"                    optional, SenML or UN/CEFACT; where it is missing readings carry none
//	minimum = 0                       optional, also maximum: readings beyond are refused

// Bounds of a document.
const (
	MaxLife          = 5 // years
	DefaultPerMinute = 600
	MaxPerMinute     = 1_000_000
	maxSenses        = 1024
	maxTopics        = 32
	maxText          = 4 << 10 // bytes of one answer
	maxNameLen       = 256     // bytes of the name of a sense
	maxIRI           = 512     // as the twin has it
	maxUnit          = 64
)

// Problems is everything wrong with a document. It matches tribune.ErrInvalid.
type Problems []string

func (p Problems) Error() string   { return "device document: " + strings.Join(p, "; ") }
func (p Problems) Is(e error) bool { return e == tribune.ErrInvalid }

func (p *Problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

// file is the TOML of a document. Pointers tell what is missing.
type file struct {
	ID    string `toml:"id"`
	Title string `toml:"title"`
	Kind  string `toml:"kind"`
	Owner string `toml:"owner"`

	Contact string `toml:"contact"`
	Place   struct {
		Name      string   `toml:"name"`
		Longitude *float64 `toml:"longitude"`
		Latitude  *float64 `toml:"latitude"`
	} `toml:"place"`
	Need        string      `toml:"need"`
	Alternative string      `toml:"alternative"`
	Cost        string      `toml:"cost"`
	Fallback    string      `toml:"fallback"`
	CannotSense []string    `toml:"cannot_sense"`
	From        policy.When `toml:"from"`
	Until       policy.When `toml:"until"`
	TokenSHA256 string      `toml:"token_sha256"`
	SigningKey  *string     `toml:"signing_key"`
	Topics      *[]string   `toml:"topics"`
	PerMinute   *int64      `toml:"per_minute"`
	City        string      `toml:"city"`
	Senses      []fileSense `toml:"senses"`
}

type fileSense struct {
	Title     string   `toml:"title"`
	Name      string   `toml:"name"`
	Entity    string   `toml:"entity"`
	Type      string   `toml:"type"`
	Attribute string   `toml:"attribute"`
	Unit      string   `toml:"unit"`
	Minimum   *float64 `toml:"minimum"`
	Maximum   *float64 `toml:"maximum"`
}

// Parse reads the text of a document strictly. The error is a Problems and names every answer that is missing, with what
// it is for.
func Parse(text string) (Document, error) {
	var f file
	if bad := decode(text, &f); len(bad) > 0 {
		return Document{}, bad
	}
	bad := f.missing()
	d := Document{
		ID: f.ID, Title: f.Title, Kind: Kind(f.Kind), Owner: f.Owner, Contact: f.Contact, Need: f.Need, Alternative: f.Alternative,
		Cost: f.Cost, Fallback: f.Fallback, CannotSense: f.CannotSense, From: f.From.Start(), Until: f.Until.End(), city: f.City,
		Place: Place{Name: f.Place.Name},
	}
	f.check(&d, &bad)
	f.senses(&d, &bad)
	if len(bad) > 0 {
		return Document{}, bad
	}
	return d, nil
}

// plainKey: the TOML package matches keys to fields without regard to case; "need" beside "Need" would be two documents.
var plainKey = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

func decode(text string, f *file) (bad Problems) {
	md, err := toml.Decode(text, f)
	if err != nil {
		what := strings.TrimPrefix(err.Error(), "toml: ")
		var parse toml.ParseError
		if errors.As(err, &parse) && parse.Message != "" {
			what = fmt.Sprintf("line %d: %s", parse.Position.Line, parse.Message)
		}
		bad.add("it cannot be read as TOML: %s", what)
		return bad
	}
	for _, key := range md.Keys() {
		if last := key[len(key)-1]; !plainKey.MatchString(last) {
			bad.add("the key %.60q is not spelled as keys are", last)
		}
	}
	for _, key := range md.Undecoded() {
		bad.add("the key %.60q means nothing here", key.String())
	}
	return bad
}

func given(answer string) bool { return strings.TrimSpace(answer) != "" }

// readable reports whether a person can read the answer: dashes, dots and invisible characters say nothing.
func readable(answer string) bool {
	return strings.ContainsFunc(answer, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) })
}

// missing names the answers that are not given.
func (f *file) missing() (bad Problems) {
	for _, a := range [...]struct {
		there    bool
		key, why string
	}{
		{given(f.ID), "id", "what messages and pages call it"},
		{readable(f.Title), "title", "what people call it"},
		{given(f.Kind), "kind", "sensor, gateway, network-server or feed"},
		{readable(f.Owner), "owner", "who answers for it"},
		{readable(f.Contact), "contact", "where an objection goes"},
		{readable(f.Place.Name) && f.Place.Longitude != nil && f.Place.Latitude != nil, "place", "name, longitude and latitude: where people meet it"},
		{readable(f.Need), "need", "why it is there"},
		{readable(f.Alternative), "alternative", "what a person can do who does not want to be sensed"},
		{readable(f.Cost), "cost", "what it costs to buy and to run"},
		{readable(f.Fallback), "fallback", "what works by hand when it is off"},
		{len(f.CannotSense) > 0, "cannot_sense", "what people may fear that it does, and it cannot"},
		{f.From.Set(), "from", "when it begins; a newer document begins later"},
		{f.Until.Set(), "until", "when it ends; nothing is without an end"},
		{len(f.Senses) > 0, "senses", "everything it reports"},
		{given(f.TokenSHA256), "token_sha256", "by which the hub knows it"},
	} {
		if !a.there {
			bad.add("%s is missing (%s)", a.key, a.why)
		}
	}
	return bad
}

var idShape = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// check reads what is given.
func (f *file) check(d *Document, bad *Problems) {
	if f.ID != "" && !idShape.MatchString(f.ID) {
		bad.add("id: use lower-case letters, digits and -, at most 64")
	}
	switch d.Kind {
	case "", Sensor, Gateway, NetworkServer, Feed:
	default:
		bad.add("kind: use sensor, gateway, network-server or feed")
	}
	for _, t := range append([]string{f.Title, f.Owner, f.Contact, f.Place.Name, f.Need, f.Alternative, f.Cost, f.Fallback}, f.CannotSense...) {
		if len(t) > maxText {
			bad.add("an answer of %d bytes, at most %d", len(t), maxText)
		}
	}
	for _, t := range f.CannotSense {
		if !readable(t) {
			bad.add("cannot_sense: an entry is empty")
		}
	}
	if lon, lat := f.Place.Longitude, f.Place.Latitude; lon != nil && lat != nil {
		d.Place.Longitude, d.Place.Latitude = *lon, *lat
		if !(math.Abs(*lon) <= 180 && math.Abs(*lat) <= 90) { // in this form NaN is refused too
			bad.add("place: longitude is -180 to 180, latitude -90 to 90")
		}
	}
	if f.From.Set() && f.Until.Set() {
		if !d.Until.After(d.From) {
			bad.add("until: it ends before it begins")
		} else if d.Until.After(d.From.AddDate(MaxLife, 0, 1)) {
			bad.add("until: more than %d years after from", MaxLife)
		}
	}
	if f.TokenSHA256 != "" {
		if err := d.TokenSHA256.UnmarshalText([]byte(f.TokenSHA256)); err != nil || d.TokenSHA256 == (tribune.Hash{}) {
			bad.add("token_sha256: give 64 lower-case hex digits")
		}
	}
	if f.SigningKey != nil {
		key, err := base64.StdEncoding.DecodeString(*f.SigningKey)
		if err != nil || len(key) != 32 {
			bad.add("signing_key: give the base64 of 32 bytes, an Ed25519 public key")
		}
		d.SigningKey = key
	}
	d.Topics = []string{"devices/" + f.ID + "/#"}
	if f.Topics != nil {
		d.Topics = *f.Topics
	}
	if len(d.Topics) > maxTopics {
		bad.add("topics: %d of them, at most %d", len(d.Topics), maxTopics)
	}
	for _, t := range d.Topics {
		if !validFilter(t) {
			bad.add("topics: %.60q is not an MQTT topic filter", t)
		}
	}
	d.PerMinute = DefaultPerMinute
	if f.PerMinute != nil {
		if *f.PerMinute < 1 || *f.PerMinute > MaxPerMinute {
			bad.add("per_minute: a whole number from 1 to %d", MaxPerMinute)
		} else {
			d.PerMinute = int(*f.PerMinute)
		}
	}
}
