package city

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"filippo.io/age"

	"tribune"
	"tribune/policy"
)

const maxProviders = 16

var providerID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// validate checks what the file says by itself, without looking at any other.
func (f File) validate() error {
	if n, t, w := len(f.Guardian), f.Guardians.T, f.Guardians.W; 2*w < n+t || w > n || n < 2*t-1 || t < 1 {
		return tribune.Hint(fmt.Errorf("%w: %d guardians, t=%d, w=%d", tribune.ErrInvalid, n, t, w), "Want n >= 2t-1 and 2w >= n+t: smaller quorums permit two views of one record.")
	}
	if f.City == "" || f.Origin == "" || f.Trust.Steward == "" || f.TraceMandate == "" {
		return tribune.Hint(fmt.Errorf("%w: city, origin, steward or trace_mandate is missing", tribune.ErrInvalid), "Give city, origin, trust and trace_mandate; `tribune config` prints an example.")
	}
	if err := f.roster().Validate(); err != nil {
		return err
	}
	for _, check := range []func() error{f.checkURL, f.checkGuardians, f.checkAddresses, f.checkPairs, f.checkProviders, f.checkLog, f.checkRecipients, f.checkNotify} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (f File) checkURL() error {
	if f.URL == "" {
		return nil
	}
	u, err := url.Parse(f.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return tribune.Hint(fmt.Errorf("%w: url is not a scheme and a host", tribune.ErrInvalid), `Write url = "https://data.city.example".`)
	}
	if u.Scheme == "http" && !loopbackHost(u.Hostname()) && len(f.Login.Provider) > 0 {
		return tribune.Hint(fmt.Errorf("%w: people would log in at %s in clear", tribune.ErrInvalid, f.URL), "Give the hub a certificate, or a TLS proxy, and write url = \"https://...\".")
	}
	return nil
}

// checkGuardians: what hub and guardians tell each other crosses no network in clear.
func (f File) checkGuardians() error {
	for _, g := range f.Guardian {
		u, err := url.Parse(g.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return tribune.Hint(fmt.Errorf("%w: the url of guardian %s is not a scheme and a host", tribune.ErrInvalid, g.Name), `Write url = "https://guardian.example:8431".`)
		}
		if u.Scheme == "http" && !loopbackHost(u.Hostname()) {
			return tribune.Hint(fmt.Errorf("%w: guardian %s would be called in clear", tribune.ErrInvalid, g.Name), "Write https: guardians speak TLS under the key that is pinned here, and need no certificate authority.")
		}
	}
	return nil
}

func (f File) checkAddresses() error {
	for key, address := range map[string]string{"http.address": f.HTTP.Address, "mqtt.address": f.MQTT.Address, "mqtt.tls_address": f.MQTT.TLSAddress, "metrics.address": f.Metrics.Address} {
		if address == "" && key != "http.address" {
			continue
		}
		if _, port, err := net.SplitHostPort(address); err != nil || port == "" || strings.Trim(port, "0123456789") != "" {
			return tribune.Hint(fmt.Errorf("%w: %s = %q", tribune.ErrInvalid, key, address), "Write HOST:PORT, like 127.0.0.1:8080.")
		}
	}
	return nil
}

// checkPairs: half a key pair is a mistake that would end in plain text.
func (f File) checkPairs() error {
	switch {
	case (f.HTTP.Certificate == "") != (f.HTTP.Key == ""):
		return fmt.Errorf("%w: [http] has a certificate or a key, and needs both or none", tribune.ErrInvalid)
	case (f.MQTT.Certificate == "") != (f.MQTT.Key == ""):
		return fmt.Errorf("%w: [mqtt] has a certificate or a key, and needs both or none", tribune.ErrInvalid)
	case f.MQTT.TLSAddress != "" && f.MQTT.Certificate == "" && f.HTTP.Certificate == "":
		return tribune.Hint(fmt.Errorf("%w: [mqtt] tls_address has no certificate", tribune.ErrInvalid), "Give [mqtt] certificate and key, or those of [http].")
	}
	return nil
}

func (f File) checkProviders() error {
	if len(f.Login.Provider) > maxProviders {
		return fmt.Errorf("%w: %d login providers, at most %d", tribune.ErrInvalid, len(f.Login.Provider), maxProviders)
	}
	seen := map[string]bool{}
	for i, p := range f.Login.Provider {
		issuer, err := url.Parse(p.Issuer)
		switch {
		case !providerID.MatchString(p.ID):
			return tribune.Hint(fmt.Errorf("%w: login.provider %d has id %q", tribune.ErrInvalid, i+1, p.ID), "An id is small letters, digits and -, at most 32.")
		case seen[p.ID]:
			return fmt.Errorf("%w: two login providers have the id %q", tribune.ErrInvalid, p.ID)
		case p.Title == "" || p.ClientID == "":
			return fmt.Errorf("%w: login.provider %q needs a title and a client_id", tribune.ErrInvalid, p.ID)
		case err != nil || issuer.Host == "" || issuer.User != nil || issuer.RawQuery != "" || issuer.Fragment != "" || issuer.Scheme != "https" && !(issuer.Scheme == "http" && loopbackHost(issuer.Hostname())):
			return tribune.Hint(fmt.Errorf("%w: the issuer of login.provider %q", tribune.ErrInvalid, p.ID), "Write https://HOST[/PATH], exactly as the provider's discovery document does.")
		}
		seen[p.ID] = true
	}
	return nil
}

func (f File) checkLog() error {
	if _, err := f.Log.level(); err != nil {
		return err
	}
	if f.Log.Format != "text" && f.Log.Format != "json" {
		return fmt.Errorf(`%w: log.format = %q, want "text" or "json"`, tribune.ErrInvalid, f.Log.Format)
	}
	return nil
}

func (l FileLog) level() (level slog.Level, err error) {
	if l.Level != strings.ToLower(l.Level) || level.UnmarshalText([]byte(l.Level)) != nil || strings.ContainsAny(l.Level, "+-") {
		return 0, fmt.Errorf(`%w: log.level = %q, want "debug", "info", "warn" or "error"`, tribune.ErrInvalid, l.Level)
	}
	return level, nil
}

func (f File) checkRecipients() error {
	for _, r := range f.Backup.Recipients {
		if _, err := age.ParseX25519Recipient(r); err != nil {
			return tribune.Hint(fmt.Errorf("%w: backup.recipients holds what is not an age recipient", tribune.ErrInvalid), "age-keygen prints one: age1...")
		}
	}
	return nil
}

// Explain tells an operator what a configuration that holds means on this machine, and what in it they may regret. File is the name
// in the findings.
func (f File) Explain(path string) []policy.Finding {
	x := explainer{file: filepath.Base(path)}
	x.note("the city is %s, its record %s", f.City, f.Origin)
	x.note("%d guardians: the shares of %d open, the co-signatures of %d publish", len(f.Guardian), f.Guardians.T, f.Guardians.W)
	for _, g := range f.Guardian {
		if strings.HasPrefix(g.URL, "http://") {
			x.add(policy.LevelWarning, "write https, unless it is a demo's", "guardian %s is called in clear: %s", g.Name, g.URL)
		}
	}
	x.surfaces(f)
	x.keyFile(path, "this file", f.HoldsPassword(), "it holds the store's password")
	for _, p := range f.Login.Provider {
		x.note("people log in by %s (%s)", p.Title, p.Issuer)
		if p.SecretFile != "" {
			x.keyFile(p.SecretFile, "the client secret of login.provider "+p.ID, true, "it is a secret")
		}
	}
	if len(f.Login.Provider) == 0 {
		x.note("nobody can log in: there is no login.provider")
	}
	if f.Contexts != "" {
		x.there(f.Contexts, "contexts")
	}
	if f.DownloadContexts {
		x.note("contexts are downloaded from wherever a request names them")
	}
	return x.found
}

// HoldsPassword reports whether the file names the password of the store, in a URL or in words (password=...). Of what cannot be read
// as a URL the worst is taken.
func (f File) HoldsPassword() bool {
	u, err := url.Parse(f.Store.URL)
	if err != nil || strings.Contains(strings.ToLower(f.Store.URL), "password=") {
		return true
	}
	_, has := u.User.Password()
	return has
}

type explainer struct {
	file  string
	found []policy.Finding
}

func (x *explainer) add(level policy.Level, do, what string, args ...any) {
	x.found = append(x.found, policy.Finding{File: x.file, Level: level, What: fmt.Sprintf(what, args...), Do: do})
}

func (x *explainer) note(what string, args ...any) { x.add(policy.LevelNote, "", what, args...) }

// surfaces says who can reach what, and how well it is protected on the way.
func (x *explainer) surfaces(f File) {
	scheme := "plain HTTP"
	if f.HTTP.Certificate != "" {
		scheme = "TLS"
		x.there(f.HTTP.Certificate, "http.certificate")
		x.keyFile(f.HTTP.Key, "http.key", true, "it is a secret")
	}
	x.note("it answers %s at %s", scheme, f.HTTP.Address)
	if f.HTTP.Certificate == "" && !loopbackAddress(f.HTTP.Address) {
		x.add(policy.LevelWarning, "set http.certificate and key, or let a TLS proxy be the only one who reaches it", "bearer tokens reach %s in clear", f.HTTP.Address)
	}
	if f.URL == "" {
		x.add(policy.LevelWarning, "set url once people on other machines use it", "it calls itself http://%s", f.HTTP.Address)
	}
	if f.MQTT.Address != "" && !loopbackAddress(f.MQTT.Address) {
		x.add(policy.LevelWarning, "use tls_address, or a network that carries nothing else", "devices' tokens and values reach mqtt.address %s in clear", f.MQTT.Address)
	}
	if f.MQTT.Certificate != "" {
		x.there(f.MQTT.Certificate, "mqtt.certificate")
		x.keyFile(f.MQTT.Key, "mqtt.key", true, "it is a secret")
	}
	if f.MQTT.Address == "" && f.MQTT.TLSAddress == "" {
		x.note("devices cannot connect by MQTT: both addresses are empty")
	}
	if f.Metrics.Address == "" && fronted(f.URL, f.HTTP.Address, f.HTTP.Certificate != "") {
		x.add(policy.LevelWarning, "set metrics.address = \"127.0.0.1:9464\"", "there is no /metrics: url says that something stands in front of %s, which could pass it on to the world", f.HTTP.Address)
	}
	if f.Metrics.Address != "" && !loopbackAddress(f.Metrics.Address) {
		x.add(policy.LevelWarning, "let a firewall keep all but your Prometheus away", "metrics.address %s is open to other machines", f.Metrics.Address)
	}
}

func (x *explainer) there(path, what string) {
	if _, err := os.Stat(path); err != nil {
		x.add(policy.LevelError, "make it, or name another", "%s cannot be read: %v", what, err)
	}
}

// keyFile looks at a file that nobody else may read, where secret says that it matters.
func (x *explainer) keyFile(path, what string, secret bool, why string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err != nil:
		x.add(policy.LevelError, "make it, or name another", "%s cannot be read: %v", what, err)
	case secret && info.Mode().Perm()&0o077 != 0:
		x.add(policy.LevelError, "chmod 600 "+path, "others than its owner may read %s, and %s", what, why)
	}
}

func loopbackAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopbackHost(host)
}

func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
