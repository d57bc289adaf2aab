package city

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// Manual is city.toml with every key, its default and what it means: what `tribune config` prints.
//
//go:embed city.toml
var Manual string

const (
	configName       = "city.toml"
	legacyConfigName = "city.json" // what releases before it read; the same meaning
	defaultAddress   = "127.0.0.1:8080"
	maxConfig        = 1 << 20
)

// File is city.toml, what a hub that is not a demo is told. Its manual is city.toml itself; unknown keys are refused.
type File struct {
	City         string            `toml:"city"`
	Origin       string            `toml:"origin"`
	URL          string            `toml:"url"`
	TraceMandate tribune.MandateID `toml:"trace_mandate"`
	Contexts     string            `toml:"contexts"`

	DownloadContexts bool `toml:"download_contexts"`

	HTTP      FileHTTP      `toml:"http"`
	MQTT      FileMQTT      `toml:"mqtt"`
	Store     FileStore     `toml:"store"`
	Trust     policy.Trust  `toml:"trust"`
	Guardians FileGuardians `toml:"guardians"`
	Guardian  []Guardian    `toml:"guardian"`
	Login     FileLogin     `toml:"login"`
	Metrics   FileMetrics   `toml:"metrics"`
	Notify    FileNotify    `toml:"notify"`
	Log       FileLog       `toml:"log"`
	Backup    FileBackup    `toml:"backup"`
}

// FileHTTP is where the hub listens. With a certificate it speaks TLS itself.
type FileHTTP struct {
	Address     string `toml:"address"`
	Certificate string `toml:"certificate"`
	Key         string `toml:"key"`
}

// FileMQTT is where devices connect; "" = off.
type FileMQTT struct {
	Address     string `toml:"address"`
	TLSAddress  string `toml:"tls_address"`
	Certificate string `toml:"certificate"`
	Key         string `toml:"key"`
}

// FileStore is where state is kept; "" = embedded.
type FileStore struct {
	URL string `toml:"url"`
}

// FileGuardians is the thresholds among the guardians.
type FileGuardians struct {
	T int `toml:"t"`
	W int `toml:"w"`
}

// FileLogin is who vouches for people.
type FileLogin struct {
	Provider []Provider `toml:"provider"`
}

// Provider is an OpenID Connect provider that people may log in with.
type Provider struct {
	ID         string `toml:"id"`
	Title      string `toml:"title"`
	Issuer     string `toml:"issuer"`
	ClientID   string `toml:"client_id"`
	SecretFile string `toml:"client_secret_file"`
}

// FileMetrics is where /metrics is served; "" = on the main port, for direct callers on this machine.
type FileMetrics struct {
	Address string `toml:"address"`
}

// FileLog is what is logged, and how.
type FileLog struct {
	Level  string `toml:"level"`
	Format string `toml:"format"`
}

// FileBackup is what `tribune backup` needs to know.
type FileBackup struct {
	Recipients []string `toml:"recipients"`
}

// FindConfig is the configuration of the city in dir: city.toml or, where an older release has left it, city.json.
func FindConfig(dir Dir) string {
	path := filepath.Join(string(dir), configName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if legacy := filepath.Join(string(dir), legacyConfigName); exists(legacy) {
			return legacy
		}
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// ReadFile reads city.toml, or a city.json of an older release, strictly, and holds it against what can be known without the
// guardians. Explain says the rest.
func ReadFile(path string) (File, error) {
	data, err := readBounded(path)
	if err != nil {
		return File{}, tribune.Hint(fmt.Errorf("reading the city's configuration: %w", err), "Write %s (tribune config prints one to begin with), or name it with --config.", configName)
	}
	parse := parseTOML
	if strings.EqualFold(filepath.Ext(path), ".json") {
		parse = parseLegacy
	}
	f, err := parse(data)
	if err == nil {
		err = f.validate()
	}
	if err != nil {
		return f, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err == nil && len(data) > maxConfig {
		err = fmt.Errorf("%w: more than %d bytes", tribune.ErrTooLarge, maxConfig)
	}
	return data, err
}

// initial is what a key that is left out means.
func initial() File {
	return File{HTTP: FileHTTP{Address: defaultAddress}, Log: FileLog{Level: "warn", Format: "text"}}
}

// parseTOML reads city.toml. Errors name lines and keys, never values: one may be a password.
func parseTOML(data []byte) (File, error) {
	f := initial()
	md, err := toml.Decode(string(data), &f)
	if err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return f, tribune.Hint(fmt.Errorf("%w: line %d: this is not TOML, or not the kind of value that belongs here", tribune.ErrInvalid, at.Position.Line), "`tribune config` prints a configuration with every key.")
		}
		return f, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		names := make([]string, len(unknown))
		for i, key := range unknown {
			names[i] = key.String()
		}
		return f, tribune.Hint(fmt.Errorf("%w: there is no key %s", tribune.ErrInvalid, strings.Join(names, ", ")), "`tribune config` prints every key there is.")
	}
	return f, nil
}

// legacyFile is city.json.
type legacyFile struct {
	City         string            `json:"city"`
	Origin       string            `json:"origin"`
	Contexts     string            `json:"contexts"`
	Store        string            `json:"store"`
	T            int               `json:"t"`
	W            int               `json:"w"`
	Trust        policy.Trust      `json:"trust"`
	Guardians    []Guardian        `json:"guardians"`
	TraceMandate tribune.MandateID `json:"trace_mandate"`
}

func parseLegacy(data []byte) (File, error) {
	var old legacyFile
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&old); err != nil {
		return File{}, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return File{}, fmt.Errorf("%w: something follows after its end", tribune.ErrInvalid)
	}
	f := initial()
	f.City, f.Origin, f.Contexts, f.TraceMandate, f.Trust, f.Guardian = old.City, old.Origin, old.Contexts, old.TraceMandate, old.Trust, old.Guardians
	f.Store.URL, f.Guardians = old.Store, FileGuardians{T: old.T, W: old.W}
	return f, nil
}

// roster is who the guardians are, before they have keys.
func (f File) roster() protocol.Group {
	g := protocol.Group{City: f.City, N: len(f.Guardian), T: f.Guardians.T, W: f.Guardians.W}
	for i, m := range f.Guardian {
		g.Guardians = append(g.Guardians, protocol.Member{Index: i + 1, Key: m.Key, Name: m.Name, URL: m.URL})
	}
	return g
}
