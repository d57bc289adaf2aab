package notify

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"tribune"
)

// Media types of notifications.
const (
	TypeJSON    = "application/json"
	TypeLD      = "application/ld+json"
	TypeGeoJSON = "application/geo+json"
)

// Bounds of an endpoint, with their reasons.
const (
	maxURI      = 2048
	maxPairs    = 64      // of receiverInfo and notifierInfo: they go along with each notification
	maxPair     = 8 << 10 // bytes of a key or value: a bearer token fits
	maxTopic    = 1024    // bytes of an MQTT topic
	maxCooldown = 24 * time.Hour
)

// Times that a delivery may take.
const (
	DefaultTimeout = 10 * time.Second
	maxTimeout     = 60 * time.Second // the standard lets us override what a subscription asks: a slow endpoint holds a connection
)

// KeyValue is clause 5.2.22.
type KeyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Endpoint is where notifications go (clause 5.2.15). ParseEndpoint makes one; it is immutable. It holds secrets (userinfo,
// receiverInfo): String shows none.
type Endpoint struct {
	URI          string
	Accept       string        // TypeJSON, TypeLD or TypeGeoJSON
	ReceiverInfo []KeyValue    // headers, or members of "metadata" for MQTT
	NotifierInfo []KeyValue    // MQTT-Version, MQTT-QoS
	Timeout      time.Duration // of one delivery; never 0
	Cooldown     time.Duration // after a failure nothing is sent for so long; 0 = none

	target  url.URL
	version byte // MQTT: 4 is 3.1.1, 5 is 5.0
	qos     byte
}

// ParseEndpoint reads an Endpoint of a subscription strictly; errors name the member and the clause and quote no value.
func ParseEndpoint(raw json.RawMessage) (Endpoint, error) {
	var in struct {
		URI          *string          `json:"uri"`
		Accept       *string          `json:"accept"`
		ReceiverInfo []map[string]any `json:"receiverInfo"`
		NotifierInfo []map[string]any `json:"notifierInfo"`
		Timeout      *float64         `json:"timeout"`
		Cooldown     *float64         `json:"cooldown"`
	}
	var d document
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &d) != nil || json.Unmarshal(d.only(isOfEndpoint).bytes(), &in) != nil {
		return Endpoint{}, badEndpoint("it must be an object with a uri (clause 5.2.15)")
	}
	e := Endpoint{Accept: TypeJSON, Timeout: DefaultTimeout, version: 5}
	if in.URI == nil {
		return e, badEndpoint("uri: it is missing (clause 5.2.15)")
	}
	if err := e.address(*in.URI); err != nil {
		return e, err
	}
	if in.Accept != nil {
		if e.Accept = *in.Accept; e.Accept != TypeJSON && e.Accept != TypeLD && e.Accept != TypeGeoJSON {
			return e, badEndpoint("accept: it is one of %s, %s, %s (clause 5.2.15)", TypeJSON, TypeLD, TypeGeoJSON)
		}
	}
	var err error
	if e.ReceiverInfo, err = pairs("receiverInfo", in.ReceiverInfo); err != nil {
		return e, err
	}
	if e.NotifierInfo, err = pairs("notifierInfo", in.NotifierInfo); err != nil {
		return e, err
	}
	if e.Timeout, err = milliseconds("timeout", in.Timeout, DefaultTimeout, maxTimeout); err != nil {
		return e, err
	}
	if e.Cooldown, err = milliseconds("cooldown", in.Cooldown, 0, maxCooldown); err != nil {
		return e, err
	}
	if e.MQTT() {
		return e, e.protocol()
	}
	return e, e.headers()
}

// isOfEndpoint reports whether table 5.2.15-1 has a member of this name. Others, also those that differ in case alone, mean nothing.
func isOfEndpoint(name string) bool {
	switch name {
	case "uri", "accept", "receiverInfo", "notifierInfo", "timeout", "cooldown":
		return true
	}
	return false
}

func badEndpoint(format string, args ...any) error {
	return fmt.Errorf("%w: attribute \"endpoint\": %s", tribune.ErrInvalid, fmt.Sprintf(format, args...))
}

// address reads the uri. The error of url.Parse quotes what it could not read, so it is not passed on.
func (e *Endpoint) address(uri string) error {
	u, err := url.Parse(uri)
	if err != nil || len(uri) > maxURI || !u.IsAbs() {
		return badEndpoint("uri: it must be an absolute URI of at most %d bytes (clause 5.2.15)", maxURI)
	}
	switch u.Scheme = strings.ToLower(u.Scheme); u.Scheme {
	case "http", "https", "mqtt", "mqtts":
	default:
		return tribune.Hint(fmt.Errorf("%w: notifications over this scheme of the endpoint's uri", tribune.ErrUnsupported), "Schemes are http, https, mqtt and mqtts.")
	}
	if u.Hostname() == "" || strings.Contains(uri, "#") {
		return badEndpoint("uri: it must name a host, and no fragment")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return badEndpoint("uri: its port is a number from 1 to 65535")
		}
	}
	e.URI, e.target = uri, *u
	if e.MQTT() {
		if t := e.topic(); t == "" || len(t) > maxTopic || strings.ContainsAny(t, "#+\x00") {
			return badEndpoint("uri: an MQTT endpoint ends with a topic without wildcards (clause 7.2)")
		}
	}
	return nil
}

// MQTT reports whether notifications go over MQTT, not HTTP.
func (e *Endpoint) MQTT() bool { return e.target.Scheme == "mqtt" || e.target.Scheme == "mqtts" }

// topic is the MQTT topic: the path without its first slash.
func (e *Endpoint) topic() string { return strings.TrimPrefix(e.target.Path, "/") }

// String names the endpoint in logs and errors: scheme and host alone, as all else may be secret.
func (e Endpoint) String() string { return e.target.Scheme + "://" + e.target.Host }

// Receives is the value of a key of receiverInfo; keys are names of headers, so their case does not matter.
func (e *Endpoint) Receives(key string) (string, bool) {
	for _, p := range e.ReceiverInfo {
		if strings.EqualFold(p.Key, key) {
			return p.Value, true
		}
	}
	return "", false
}

// Acknowledged is the endpoint, of which MQTT's quality of service 0 is 1: for what must be known to have arrived at its broker.
func (e Endpoint) Acknowledged() Endpoint {
	e.qos = max(e.qos, 1)
	return e
}

func pairs(member string, in []map[string]any) ([]KeyValue, error) {
	if len(in) > maxPairs {
		return nil, badEndpoint("%s: at most %d pairs", member, maxPairs)
	}
	var out []KeyValue
	for _, p := range in {
		key, okKey := p["key"].(string)
		value, okValue := p["value"].(string)
		if !okKey || !okValue || key == "" || len(p) != 2 || len(key) > maxPair || len(value) > maxPair {
			return nil, badEndpoint(`%s: each is {"key": text, "value": text} (clause 5.2.22)`, member)
		}
		if value == Hidden {
			return nil, tribune.Hint(badEndpoint("%s: it holds what was not shown, and is not known here", member), "Send the value itself.")
		}
		out = append(out, KeyValue{key, value})
	}
	return out, nil
}

// milliseconds reads a member in milliseconds, cut to most.
func milliseconds(member string, ms *float64, otherwise, most time.Duration) (time.Duration, error) {
	if ms == nil {
		return otherwise, nil
	}
	if !(*ms > 0) {
		return 0, badEndpoint("%s: it is a number of milliseconds greater than 0 (clause 5.2.15)", member)
	}
	if *ms >= float64(most/time.Millisecond) {
		return most, nil
	}
	return max(time.Duration(*ms*float64(time.Millisecond)), time.Millisecond), nil
}

// protocol reads what notifierInfo says of MQTT (table 7.2-1). What else it says is for other bindings.
func (e *Endpoint) protocol() error {
	for _, p := range e.NotifierInfo {
		switch p.Key {
		case "MQTT-Version":
			switch p.Value {
			case "mqtt3.1.1":
				e.version = 4
			case "mqtt5.0":
				e.version = 5
			default:
				return badEndpoint("notifierInfo: MQTT-Version is mqtt3.1.1 or mqtt5.0 (clause 7.2)")
			}
		case "MQTT-QoS":
			if len(p.Value) != 1 || p.Value[0] < '0' || p.Value[0] > '2' {
				return badEndpoint("notifierInfo: MQTT-QoS is 0, 1 or 2 (clause 7.2)")
			}
			e.qos = p.Value[0] - '0'
		}
	}
	return nil
}

// headers checks what will be headers of HTTP requests (RFC 9110, 5). Those that belong to the connection are ours: with them a
// subscription could smuggle a second request past the checks of the first.
func (e *Endpoint) headers() error {
	for _, p := range e.ReceiverInfo {
		if !httpguts.ValidHeaderFieldName(p.Key) || !httpguts.ValidHeaderFieldValue(p.Value) {
			return badEndpoint("receiverInfo: keys and values must be valid as HTTP headers (clause 6.3.8)")
		}
		switch strings.ToLower(p.Key) {
		case "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive", "expect", "proxy-connection", "proxy-authorization":
			return badEndpoint("receiverInfo: a header of the connection cannot be set")
		}
	}
	return nil
}
