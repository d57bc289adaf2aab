package notify

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"tribune"
)

func TestEndpointsAreReadStrictly(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     error // nil = accepted
	}{
		{"http", `{"uri":"http://a.example/x"}`, nil},
		{"https with all", `{"uri":"https://u:p@a.example:8443/x?y=1","accept":"application/geo+json","timeout":100,"cooldown":5.5,"receiverInfo":[{"key":"Authorization","value":"Bearer x"}],"notifierInfo":[{"key":"any","value":"thing"}]}`, nil},
		{"mqtt", `{"uri":"mqtt://u:p@a.example:1884/topic/sub","notifierInfo":[{"key":"MQTT-Version","value":"mqtt3.1.1"},{"key":"MQTT-QoS","value":"2"}]}`, nil},
		{"mqtts", `{"uri":"mqtts://a.example/t"}`, nil},
		{"nothing", `{}`, tribune.ErrInvalid},
		{"null", `null`, tribune.ErrInvalid},
		{"text", `"http://a.example"`, tribune.ErrInvalid},
		{"no scheme", `{"uri":"a.example/x"}`, tribune.ErrInvalid},
		{"no host", `{"uri":"http:///x"}`, tribune.ErrInvalid},
		{"not a URI", `{"uri":"http://a.example/%zz"}`, tribune.ErrInvalid},
		{"too long", `{"uri":"http://a.example/` + strings.Repeat("x", maxURI) + `"}`, tribune.ErrInvalid},
		{"port", `{"uri":"http://a.example:70000/"}`, tribune.ErrInvalid},
		{"another scheme", `{"uri":"ftp://a.example/x"}`, tribune.ErrUnsupported},
		{"a file", `{"uri":"file://a.example/etc/passwd"}`, tribune.ErrUnsupported},
		{"accept", `{"uri":"http://a.example","accept":"text/html"}`, tribune.ErrInvalid},
		{"timeout 0", `{"uri":"http://a.example","timeout":0}`, tribune.ErrInvalid},
		{"cooldown below 0", `{"uri":"http://a.example","cooldown":-1}`, tribune.ErrInvalid},
		{"pair without value", `{"uri":"http://a.example","receiverInfo":[{"key":"a"}]}`, tribune.ErrInvalid},
		{"pair of numbers", `{"uri":"http://a.example","notifierInfo":[{"key":"a","value":1}]}`, tribune.ErrInvalid},
		{"header injection", `{"uri":"http://a.example","receiverInfo":[{"key":"a","value":"b\r\nHost: inside"}]}`, tribune.ErrInvalid},
		{"header name", `{"uri":"http://a.example","receiverInfo":[{"key":"a b","value":"c"}]}`, tribune.ErrInvalid},
		{"another host", `{"uri":"http://a.example","receiverInfo":[{"key":"HOST","value":"inside"}]}`, tribune.ErrInvalid},
		{"smuggling", `{"uri":"http://a.example","receiverInfo":[{"key":"Transfer-Encoding","value":"chunked"}]}`, tribune.ErrInvalid},
		{"topic with a wildcard", `{"uri":"mqtt://a.example/t/#"}`, tribune.ErrInvalid},
		{"no topic", `{"uri":"mqtt://a.example"}`, tribune.ErrInvalid},
		{"MQTT version", `{"uri":"mqtt://a.example/t","notifierInfo":[{"key":"MQTT-Version","value":"mqtt4"}]}`, tribune.ErrInvalid},
		{"MQTT QoS", `{"uri":"mqtt://a.example/t","notifierInfo":[{"key":"MQTT-QoS","value":"3"}]}`, tribune.ErrInvalid},
	} {
		e, err := ParseEndpoint(json.RawMessage(test.in))
		if !errors.Is(err, test.want) || (test.want == nil) != (err == nil) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
		if err == nil && (e.Timeout <= 0 || e.Accept == "") {
			t.Errorf("%s: no defaults: %+v", test.name, e)
		}
	}
}

func TestEndpointTimesAreMillisecondsAndBounded(t *testing.T) {
	e, err := ParseEndpoint(json.RawMessage(`{"uri":"http://a.example","timeout":1e18,"cooldown":0.5}`))
	if err != nil || e.Timeout != maxTimeout || e.Cooldown != time.Millisecond {
		t.Errorf("got %v, %v, %v", e.Timeout, e.Cooldown, err)
	}
	if e, _ = ParseEndpoint(json.RawMessage(`{"uri":"http://a.example","timeout":250}`)); e.Timeout != 250*time.Millisecond {
		t.Errorf("250 is %v", e.Timeout)
	}
}

func TestEndpointsShowNoSecret(t *testing.T) {
	e, err := ParseEndpoint(json.RawMessage(`{"uri":"https://user:secret@a.example/secret?k=secret","receiverInfo":[{"key":"Authorization","value":"secret"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if s := e.String(); strings.Contains(s, "secret") || !strings.Contains(s, "a.example") {
		t.Errorf("shown as %q", s)
	}
	for _, in := range []string{`{"uri":"http://secret:secret@%%/"}`, `{"uri":"mqtt://secret@a.example/#"}`, `{"uri":"http://a.example","receiverInfo":[{"key":"x","value":"secret\n"}]}`} {
		if _, err := ParseEndpoint(json.RawMessage(in)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func FuzzParseEndpoint(f *testing.F) {
	f.Add(`{"uri":"http://a.example/x","timeout":5,"receiverInfo":[{"key":"a","value":"b"}]}`)
	f.Add(`{"uri":"mqtts://u:p@[::1]:1883/a/b","notifierInfo":[{"key":"MQTT-QoS","value":"1"}]}`)
	f.Add(`{"uri":"http://\u0000"}`)
	f.Fuzz(func(t *testing.T, in string) {
		e, err := ParseEndpoint(json.RawMessage(in))
		if err != nil {
			if !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrUnsupported) {
				t.Errorf("an error of no class: %v", err)
			}
			return
		}
		if e.target.Hostname() == "" || e.Timeout <= 0 || e.Timeout > maxTimeout || e.Cooldown < 0 || e.qos > 2 || e.MQTT() && e.topic() == "" {
			t.Errorf("accepted %q as %+v", in, e)
		}
		for _, p := range e.ReceiverInfo {
			if !e.MQTT() && strings.ContainsAny(p.Key+p.Value, "\r\n\x00") {
				t.Errorf("a header breaks out: %q", p)
			}
		}
	})
}

// A notice that a broker may drop was told to nobody.
func TestAcknowledgedEndpointIsNeverOfQualityZero(t *testing.T) {
	for qos, want := range map[string]byte{"0": 1, "1": 1, "2": 2} {
		e, err := ParseEndpoint([]byte(`{"uri": "mqtts://broker.example/t", "notifierInfo": [{"key": "MQTT-QoS", "value": "` + qos + `"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Acknowledged().qos; got != want {
			t.Errorf("quality %s: %d", qos, got)
		}
	}
}
