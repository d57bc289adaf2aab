package city

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"tribune"
	"tribune/policy"
)

// filled is the manual with a city's keys in it.
func filled(t *testing.T) string {
	t.Helper()
	f := legacy(t, 4, 2, 3)
	text := strings.NewReplacer("STEWARD-KEY", f.Trust.Steward, "COUNCIL-KEY", f.Trust.Steward, "FLOORS", strings.Repeat("0", 64)).Replace(Manual)
	for i, word := range []string{"OMBUDSMAN-KEY", "COURT-KEY", "UNIVERSITY-KEY", "PRESS-KEY"} {
		name := []string{"ombudsman.example", "court.example", "university.example", "press-council.example"}[i]
		text = strings.NewReplacer(word, f.Guardians[i].Key, `"`+name+`"`, `"`+f.Guardians[i].Name+`"`).Replace(text)
	}
	return text
}

func TestManualNamesEveryKeyAndHoldsAsItStands(t *testing.T) {
	f, err := readBack(t, "city.toml", filled(t))
	if err != nil {
		t.Fatal(err)
	}
	// What the manual sets besides the city's own names is the default.
	want := initial()
	if f.HTTP != want.HTTP || f.Log != want.Log || f.MQTT != want.MQTT || f.Metrics != want.Metrics || f.Store != want.Store {
		t.Errorf("the manual sets %+v, the defaults are %+v", f, want)
	}
	// The provider's part is commented out; it must hold, too, when the comment signs go.
	text := regexp.MustCompile(`(?m)^# (\[\[login\.provider\]\]|(?:id|title|issuer|client_id|client_secret_file) = .*)$`).ReplaceAllString(filled(t), "$1")
	if f, err = readBack(t, "city.toml", text); err != nil || len(f.Login.Provider) != 1 {
		t.Fatalf("with the provider: %v, %+v", err, f.Login)
	}
	var there map[string]any
	if _, err := toml.Decode(text, &there); err != nil {
		t.Fatal(err)
	}
	for _, key := range keysOf(reflect.TypeFor[File](), "") {
		if !has(there, strings.Split(key, ".")) {
			t.Errorf("the manual does not name the key %s", key)
		}
	}
}

func keysOf(t reflect.Type, under string) (keys []string) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
		if name == "" {
			name = strings.ToLower(field.Name)
		}
		inner := field.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			keys = append(keys, keysOf(inner, under+name+".")...)
			continue
		}
		keys = append(keys, under+name)
	}
	return keys
}

func has(in any, path []string) bool {
	if list, ok := in.([]map[string]any); ok && len(list) > 0 {
		in = list[0]
	}
	table, ok := in.(map[string]any)
	if !ok {
		return false
	}
	next, ok := table[path[0]]
	return ok && (len(path) == 1 || has(next, path[1:]))
}

func TestConfigurationIsReadStrictly(t *testing.T) {
	good := filled(t)
	if _, err := readBack(t, "city.toml", good); err != nil {
		t.Fatalf("positive control: %v", err)
	}
	provider := "\n[[login.provider]]\nid = \"a\"\ntitle = \"A\"\nissuer = \"https://id.example\"\nclient_id = \"t\"\n"
	if _, err := readBack(t, "city.toml", good+provider); err != nil {
		t.Fatalf("positive control: %v", err)
	}
	for name, change := range map[string][2]string{
		"unknown key":                {"\ncity =", "\nquorom = 3\ncity ="},
		"unknown table":              {"[metrics]", "[metric]\naddress = \"\"\n[metrics]"},
		"unknown in a guardian":      {"[[guardian]]", "[[guardian]]\nweight = 2"},
		"the same key twice":         {"\ncity =", "\ncity = \"x\"\ncity ="},
		"number for text":            {`level = "warn"`, `level = 3`},
		"level nobody knows":         {`level = "warn"`, `level = "loud"`},
		"level between levels":       {`level = "warn"`, `level = "warn+2"`},
		"format nobody knows":        {`format = "text"`, `format = "xml"`},
		"address without port":       {`address = "127.0.0.1:8080"`, `address = "127.0.0.1"`},
		"certificate without key":    {"certificate = \"\"", "certificate = \"cert.pem\""},
		"mqtt over TLS without cert": {`tls_address = ""`, `tls_address = "0.0.0.0:8883"`},
		"url with a path":            {`url = "https://data.birmingham.example"`, `url = "https://data.birmingham.example/tribune"`},
		"url with a password":        {`url = "https://data.birmingham.example"`, `url = "https://u:p@data.birmingham.example"`},
		"recipient that is none":     {`recipients = []`, `recipients = ["age1nonsense"]`},
		"no city":                    {`city = "birmingham.example"`, `city = ""`},
		"a guardian in clear":        {`url = "https://court.example:8431"`, `url = "http://court.example:8431"`},
		"a guardian without a host":  {`url = "https://court.example:8431"`, `url = "https:court.example"`},
		"login in clear":             {`url = "https://data.birmingham.example"`, "url = \"http://data.birmingham.example\"\n#"},
		"provider without TLS":       {`issuer = "https://id.example"`, `issuer = "http://id.example"`},
		"provider without client":    {`client_id = "t"`, `client_id = ""`},
		"provider with a bad id":     {`id = "a"`, `id = "A B"`},
		"provider twice":             {provider, provider + provider},
	} {
		bad := strings.Replace(good+provider, change[0], change[1], 1)
		if bad == good+provider {
			t.Fatalf("%s: the test changes nothing", name)
		}
		if _, err := readBack(t, "city.toml", bad); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none.toml")); tribune.HintOf(err) == "" {
		t.Errorf("a missing file without a hint: %v", err)
	}
}

// A configuration may hold the store's password: what is wrong with a line is said without the line.
func TestMistakesOfAConfigurationDoNotShowItsSecrets(t *testing.T) {
	for _, bad := range []string{
		"[store]\nurl = \"postgres://tribune:hunter2@db/city\nx = 1\n",
		"[store]\nurl = postgres://tribune:hunter2@db/city\n",
		"[store]\nurl = [\"postgres://tribune:hunter2@db/city\"]\n",
	} {
		if _, err := readBack(t, "city.toml", bad); err == nil || strings.Contains(err.Error()+tribune.HintOf(err), "hunter2") || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestExplainFindsWhatAnOperatorWouldRegret(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open.key")
	if err := os.WriteFile(open, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	base := filled(t)
	for _, c := range []struct {
		name, from, to, says string
		level                policy.Level
	}{
		{"as it is", "", "", "nobody can log in", policy.LevelNote},
		{"plain HTTP to the world", "127.0.0.1:8080", "0.0.0.0:8080", "bearer tokens reach 0.0.0.0:8080 in clear", policy.LevelWarning},
		{"plain MQTT to the world", "[mqtt]", "[mqtt]\naddress = \"0.0.0.0:1883\"\n#", "mqtt.address 0.0.0.0:1883 in clear", policy.LevelWarning},
		{"metrics behind a proxy", "", "", "there is no /metrics", policy.LevelWarning},
		{"metrics to the world", "[metrics]", "[metrics]\naddress = \"0.0.0.0:9100\"\n#", "metrics.address 0.0.0.0:9100", policy.LevelWarning},
		{"key that others read", "certificate = \"\"\nkey = \"\"", "certificate = '" + open + "'\nkey = '" + open + "'", "others than its owner may read http.key", policy.LevelError},
		{"certificate that is not there", "certificate = \"\"\nkey = \"\"", "certificate = '/nowhere'\nkey = '/nowhere'", "http.certificate cannot be read", policy.LevelError},
	} {
		text := strings.Replace(base, c.from, c.to, 1)
		if strings.Contains(c.to, "\n#") { // the table's own address goes
			head, rest, _ := strings.Cut(text, c.to)
			text = head + c.to + strings.Replace(rest, "address = \"\"", "", 1)
		}
		path := filepath.Join(dir, "city.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := ReadFile(path)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		found := false
		for _, finding := range f.Explain(path) {
			found = found || finding.Level == c.level && strings.Contains(finding.What, c.says)
		}
		if !found {
			t.Errorf("%s: %v, want %s %q", c.name, f.Explain(path), c.level, c.says)
		}
	}
}

// Whoever reads the file, or a backup of it, has the database: a password in any spelling counts, and none is none.
func TestPasswordOfTheStoreIsFoundInEverySpelling(t *testing.T) {
	for store, want := range map[string]bool{
		"": false, "postgres://db/city": false, "postgres://tribune@db:5432/city?sslmode=verify-full": false, "host=db user=tribune": false,
		"postgres://tribune:hunter2@db/city": true, "postgres://db/city?user=tribune&password=hunter2": true, "host=db password=hunter2": true, "postgres://tribune:hun%ter2@db/city": true,
	} {
		if got := (File{Store: FileStore{URL: store}}).HoldsPassword(); got != want {
			t.Errorf("%q: %v, want %v", store, got, want)
		}
	}
}

func FuzzConfiguration(f *testing.F) {
	f.Add(Manual)
	f.Add("city = 1\n[[guardian]]\n")
	f.Fuzz(func(t *testing.T, text string) {
		if file, err := parseTOML([]byte(text)); err == nil {
			if file.validate() == nil {
				file.Explain("city.toml")
			}
		}
		parseLegacy([]byte(text))
	})
}
