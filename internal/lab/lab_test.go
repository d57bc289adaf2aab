package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// laboratory starts one and returns the addresses of its API and its broker.
func laboratory(t *testing.T) (api, mqtt string) {
	t.Helper()
	r, w := io.Pipe()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := Serve(ctx, Config{Dir: t.TempDir(), HTTP: "127.0.0.1:0", MQTT: "127.0.0.1:0", Out: w, Log: slog.New(slog.DiscardHandler)})
		w.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the laboratory ended: %v", err)
		}
	})
	var said struct{ Address, MQTT string }
	line, err := bufio.NewReader(r).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &said)
	}
	if err != nil {
		t.Fatal(err)
	}
	return said.Address, strings.Replace(said.MQTT, "mqtt://", "tcp://", 1)
}

func client(t *testing.T, address, id string) paho.Client {
	t.Helper()
	c := paho.NewClient(paho.NewClientOptions().AddBroker(address).SetClientID(id).SetAutoReconnect(false).SetConnectTimeout(5 * time.Second))
	if token := c.Connect(); !token.WaitTimeout(60*time.Second) || token.Error() != nil {
		t.Fatalf("connecting: %v", token.Error())
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func get(t *testing.T, url string) (int, http.Header, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(body)
}

func TestEveryAnswerSaysThatThisIsALaboratory(t *testing.T) {
	at, _ := laboratory(t)
	for path, want := range map[string]int{
		"/": 200, "/openapi": 200, "/ngsi-ld/v1/entities?type=Car": 200, "/ngsi-ld/v1/entities?foo=1": 400, "/ngsi-ld/v1/nothing": 404, "/nothing": 404, "/ngsi-ld/v1/jsonldContexts": 200,
	} {
		status, h, body := get(t, at+path)
		if status != want || h.Get("Tribune-Mode") != "lab" {
			t.Errorf("%s: %d, Tribune-Mode %q: %s", path, status, h.Get("Tribune-Mode"), body)
		}
	}
	_, h, body := get(t, at+"/")
	for _, want := range []string{"Nothing about people belongs in here", `href="/openapi"`, `href="/ngsi-ld/v1/types"`, "light dark"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if !strings.HasPrefix(h.Get("Content-Type"), "text/html") || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the page's headers: %v", h)
	}
	if _, _, body := get(t, at+"/?lang=de"); !strings.Contains(body, `<html lang="de">`) || !strings.Contains(body, "Nichts über Menschen gehört hier hinein") || !strings.Contains(body, "curl '"+at) {
		t.Errorf("the page in German: %s", body)
	}
	res, err := http.Post(at+"/ngsi-ld/v1/entities", "application/json", strings.NewReader(strings.Repeat(" ", 2<<20)))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 413 || res.Header.Get("Tribune-Mode") != "lab" || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("refused at the door: %d %v", res.StatusCode, res.Header)
	}
}

func TestAnEntityPublishedByMQTTIsThereBeforeItIsAcknowledged(t *testing.T) {
	at, broker := laboratory(t)
	c := client(t, broker, "publisher")
	for topic, payload := range map[string]string{
		"ngsi-ld/entities":       `{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":1}}`,
		"ngsi-ld/entities/cars":  `[{"id":"urn:c:2","type":"Car","speed":{"type":"Property","value":2}},{"id":"urn:c:3","type":"Car"}]`,
		"ngsi-ld/entities/a/b/c": `{"id":"urn:c:4","type":"Car","@context":{"speed":"https://example.org/speed"},"speed":{"type":"Property","value":4}}`,
	} {
		if token := c.Publish(topic, 1, false, payload); !token.WaitTimeout(60*time.Second) || token.Error() != nil {
			t.Fatalf("%s: %v", topic, token.Error())
		}
	}
	c.Publish("ngsi-ld/entities", 1, false, `{"id":"urn:c:1","type":"Car","speed":{"type":"Property","value":11}}`).WaitTimeout(60 * time.Second)
	for id, want := range map[string]string{"urn:c:1": `"value":11`, "urn:c:2": `"value":2`, "urn:c:3": `"Car"`, "urn:c:4": `"https://example.org/speed"`} {
		if status, _, body := get(t, at+"/ngsi-ld/v1/entities/"+id); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %s", id, status, body, want)
		}
	}
}

func TestABadEntityByMQTTIsNeverAcknowledged(t *testing.T) {
	at, broker := laboratory(t)
	for name, payload := range map[string]string{
		"no JSON": `{`, "no entity": `{"a":1}`, "a bad attribute": `{"id":"urn:c:9","type":"Car","speed":{"type":"Nonsense"}}`, "nothing": ``,
		"one good, one bad": `[{"id":"urn:c:8","type":"Car"},{"id":"car"}]`,
	} {
		lost := make(chan struct{})
		c := paho.NewClient(paho.NewClientOptions().AddBroker(broker).SetClientID(name).SetAutoReconnect(false).SetConnectionLostHandler(func(paho.Client, error) { close(lost) }))
		if token := c.Connect(); !token.WaitTimeout(60*time.Second) || token.Error() != nil {
			t.Fatal(token.Error())
		}
		token := c.Publish("ngsi-ld/entities", 1, false, payload)
		select {
		case <-lost:
		case <-time.After(60 * time.Second):
			t.Errorf("%s: the connection goes on", name)
		}
		select {
		case <-token.Done():
			if token.Error() == nil {
				t.Errorf("%s: it was acknowledged", name)
			}
		default:
		}
		c.Disconnect(0)
	}
	if status, _, body := get(t, at+"/ngsi-ld/v1/entities/urn:c:9"); status != 404 {
		t.Errorf("a bad entity was written: %s", body)
	}
}

func TestOtherTopicsArePlainPublishAndSubscribe(t *testing.T) {
	at, broker := laboratory(t)
	got := make(chan string, 10)
	reader := client(t, broker, "reader")
	if token := reader.Subscribe("notifications/#", 1, func(_ paho.Client, m paho.Message) { got <- m.Topic() + " " + string(m.Payload()) }); !token.WaitTimeout(60*time.Second) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	client(t, broker, "writer").Publish("notifications/x", 1, true, "hello").WaitTimeout(60 * time.Second)
	select {
	case m := <-got:
		if m != "notifications/x hello" {
			t.Errorf("got %s", m)
		}
	case <-time.After(60 * time.Second):
		t.Error("nothing arrived")
	}
	late := client(t, broker, "late")
	late.Subscribe("notifications/#", 1, func(_ paho.Client, m paho.Message) { got <- "retained " + string(m.Payload()) }).WaitTimeout(60 * time.Second)
	select {
	case m := <-got:
		t.Errorf("%s: a message was kept, which nobody bounds", m)
	case <-time.After(300 * time.Millisecond):
	}
	if status, _, _ := get(t, at+"/ngsi-ld/v1/entities?type=Car"); status != 200 {
		t.Errorf("the API answers %d", status)
	}
}

// What the page offers to be copied into a shell holds nothing that whoever sends somebody here has put into a header.
func TestThePageNamesPlainHostsAlone(t *testing.T) {
	for host, want := range map[string]string{"broker.example:9090": "broker.example:9090", "[::1]:9090": "[::1]:9090", "a.example'; rm -rf '/": "localhost", "<script>": "localhost"} {
		for _, tongue := range []string{"en", "de-AT, en;q=0.5"} {
			r := httptest.NewRequest("GET", "/", nil)
			r.Host = host
			r.Header.Set("Accept-Language", tongue)
			w := httptest.NewRecorder()
			newFront("127.0.0.1:1883").ServeHTTP(w, r)
			if body := w.Body.String(); !strings.Contains(body, "curl 'http://"+want+"/ngsi-ld/v1/entities?type=OffStreetParking'") || !strings.Contains(body, "-p 1883") || strings.Contains(body, "rm -rf") || strings.Contains(body, `<html lang="de">`) != strings.HasPrefix(tongue, "de") {
				t.Errorf("for %q in %q it says %s", host, tongue, body)
			}
		}
	}
}
