package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"tribune/internal/need"
)

// configuration is as much of Home Assistant's configuration.yaml as the manual uses. Unknown keys are an error.
type configuration struct {
	RestCommand map[string]restCommand `yaml:"rest_command"`
	Automation  []struct {
		Alias    string
		Triggers []struct {
			Trigger  string
			EntityID string `yaml:"entity_id"`
		}
		Conditions []struct {
			Condition     string
			ValueTemplate string `yaml:"value_template"`
		}
		Actions []struct{ Action string }
	}
	Sensor []restSensor
}

type restCommand struct {
	URL, Method, Username, Payload string
	Password                       secret
	ContentType                    string `yaml:"content_type"`
}

type restSensor struct {
	Platform, Name, Resource string
	Params, Headers          map[string]string
	ValueTemplate            string `yaml:"value_template"`
	Unit                     string `yaml:"unit_of_measurement"`
	ScanInterval             int    `yaml:"scan_interval"`
}

// secret is the name behind !secret.
type secret string

func (s *secret) UnmarshalYAML(n *yaml.Node) error {
	if n.Tag != "!secret" {
		return &yaml.TypeError{Errors: []string{"a password in clear"}}
	}
	*s = secret(n.Value)
	return nil
}

// render renders a template as Home Assistant does, with Jinja, of one sensor's state and one answer.
const render = `
import datetime, json, sys, jinja2
template, states, value = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
env = jinja2.Environment()
def is_number(v):
    try:
        float(v)
        return True
    except (TypeError, ValueError):
        return False
names = {"states": lambda name: states.get(name, "unknown"), "is_number": is_number,
    "now": lambda: datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=1)))}
if value:
    names["value"], names["value_json"] = value, json.loads(value)
sys.stdout.write(env.from_string(template, names).render())
`

func TestManualHomeAssistant(t *testing.T) {
	python := need.Python(t, "jinja2")
	r := follow(t)
	var c configuration
	dec := yaml.NewDecoder(strings.NewReader(r.one("yaml home-assistant")))
	dec.KnownFields(true)
	must(t, dec.Decode(&c))
	states := func(value string) string { return `{"sensor.balcony_temperature":"` + value + `"}` }
	template := func(text, states, value string) string { return r.run(python, "-c", render, text, states, value) }

	// The automation: which states are sent, and by what.
	if len(c.Automation) != 1 || len(c.Automation[0].Conditions) != 1 || len(c.Automation[0].Actions) != 1 {
		t.Fatalf("automations are %+v", c.Automation)
	}
	when := c.Automation[0].Conditions[0].ValueTemplate
	for state, want := range map[string]string{"18.25": "True", "unavailable": "False", "unknown": "False"} {
		if got := template(when, states(state), ""); got != want {
			t.Errorf("the state %s is sent: %s, want %s", state, got, want)
		}
	}
	command, ok := c.RestCommand[strings.TrimPrefix(c.Automation[0].Actions[0].Action, "rest_command.")]
	if !ok {
		t.Fatalf("the automation calls %q, which there is not", c.Automation[0].Actions[0].Action)
	}

	// The command: its request, as it would be sent.
	if command.Password != "tribune_token" {
		t.Errorf("the secret is %q", command.Password)
	}
	token, err := os.ReadFile(filepath.Join(r.dir, "home-1.token"))
	must(t, err)
	body := template(command.Payload, states("18.25"), "")
	request, err := http.NewRequest(command.Method, command.URL, strings.NewReader(body))
	must(t, err)
	request.Header.Set("Content-Type", command.ContentType)
	request.SetBasicAuth(command.Username, strings.TrimSpace(string(token)))
	if status, answer := do(t, request); status != 204 {
		t.Errorf("sending %s: got %d %s", body, status, answer)
	}
	r.has("urn:ngsi-ld:WeatherObserved:ward-3", "temperature", "18.25")

	// The sensor: what it shows of a car park.
	const park = "urn:ngsi-ld:OffStreetParking:birmingham:BHMBCCMKT01"
	parking := r.add("parking", "feed", "", sense("free", park, "OffStreetParking", "availableSpotNumber", ""))
	if got := r.post("/intake/parking", "parking", parking, "application/json", `{"free":412}`); got.status != 204 {
		t.Fatalf("reporting free places: %d %s", got.status, got.body)
	}
	sensor := c.Sensor[0]
	query := url.Values{}
	for k, v := range sensor.Params {
		query.Set(k, v)
	}
	request, err = http.NewRequest("GET", sensor.Resource+"?"+query.Encode(), nil)
	must(t, err)
	for k, v := range sensor.Headers {
		request.Header.Set(k, v)
	}
	status, answer := do(t, request)
	if status != 200 || !json.Valid([]byte(answer)) {
		t.Fatalf("reading the car park: %d %s", status, answer)
	}
	if got := template(sensor.ValueTemplate, "{}", answer); got != "412" {
		t.Errorf("the sensor shows %q of %s", got, answer)
	}
}

func do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, string(body)
}
