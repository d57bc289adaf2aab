package web

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// NewLog is the log of a hub: lines of text, or of JSON, of at least level, through Redact.
func NewLog(w io.Writer, level slog.Leveler, json bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if json {
		return slog.New(Redact(slog.NewJSONHandler(w, options)))
	}
	return slog.New(Redact(slog.NewTextHandler(w, options)))
}

// Redact is a net under the rule that nothing secret is logged: errors carry the words of libraries and of hostile input, and one
// of them will some day hold what it should not. It masks the values of attributes whose names say that they are secret, and
// in every other text what has the form of a credential, of a key, or of what names a person here (a plate, an e-mail address, the
// end of an entity's id). Structures are logged as text, so that none slips through.
func Redact(next slog.Handler) slog.Handler { return redactor{next} }

const masked = "[redacted]"

type redactor struct{ next slog.Handler }

func (r redactor) Enabled(ctx context.Context, level slog.Level) bool {
	return r.next.Enabled(ctx, level)
}

func (r redactor) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, Mask(record.Message), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(redactAttr(a))
		return true
	})
	return r.next.Handle(ctx, clean)
}

func (r redactor) WithAttrs(attrs []slog.Attr) slog.Handler {
	return redactor{r.next.WithAttrs(redactAttrs(attrs))}
}

func (r redactor) WithGroup(name string) slog.Handler { return redactor{r.next.WithGroup(name)} }

func redactAttrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = redactAttr(a)
	}
	return clean
}

func redactAttr(a slog.Attr) slog.Attr {
	value := a.Value.Resolve()
	switch {
	case value.Kind() == slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(redactAttrs(value.Group())...)}
	case secretName(a.Key):
		return slog.String(a.Key, masked)
	case value.Kind() == slog.KindString:
		return slog.String(a.Key, Mask(value.String()))
	case value.Kind() == slog.KindAny:
		if raw, ok := value.Any().([]byte); ok {
			return slog.String(a.Key, fmt.Sprintf("[%d bytes]", len(raw)))
		}
		return slog.String(a.Key, Mask(fmt.Sprint(value.Any())))
	}
	return slog.Attr{Key: a.Key, Value: value} // numbers, times, truth
}

// secretNames are attribute names without case, "-" and "_": credentials, key material, what people are known by, and the parts of a
// request that can hold any of these.
var secretNames = []string{
	"authorization", "cookie", "setcookie", "token", "accesstoken", "idtoken", "refreshtoken", "password", "passwd", "passphrase", "secret", "clientsecret",
	"seed", "privatekey", "secretkey", "skey", "salt", "csrf", "session", "sessionid", "code", "verifier", "nonce",
	"plate", "licenseplate", "driver", "subject", "person", "email", "payload", "body", "query", "referer",
}

func secretName(key string) bool {
	plain := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' {
			return -1
		}
		return unicode.ToLower(r)
	}, key)
	return slices.Contains(secretNames, plain)
}

// shapes are texts to be masked wherever they stand. may is a cheap look that tells whether find can match at all: s is the text, low
// the same in small letters. Without it every line would cost a tenth of a millisecond.
var shapes = []struct {
	may  func(s, low string) bool
	find *regexp.Regexp
	with string // $1 is what may stay
}{
	{lower("bearer", "basic"), regexp.MustCompile(`(?i)\b(bearer|basic)\s+[^\s"',;]+`), "$1 " + masked},
	{lower("eyj"), regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){0,3}`), masked},                                                                                 // JWT, JWE (RFC 7515, 7516)
	{lower("private+key+"), regexp.MustCompile(`(?i)PRIVATE\+KEY\+\S+`), masked},                                                                                                                  // note secret key
	{lower("age-secret-key-"), regexp.MustCompile(`(?i)AGE-SECRET-KEY-[A-Z0-9-]+`), masked},                                                                                                       // age identity
	{lower("private key-----"), regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`), masked},                                                    // PEM
	{lower("tribune="), regexp.MustCompile(`(?i)\b(tribune|__Host-tribune)=[^\s;"']+`), "$1=" + masked},                                                                                           // our cookie
	{lower("@"), regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^\s/@"']+@`), "${1}" + masked + "@"},                                                                                                  // credentials in a URL
	{lower("="), regexp.MustCompile(`[A-Za-z0-9+/]{43}=`), masked},                                                                                                                                // 32 bytes in base64: an office holder's key; a public root looks the same
	{lower("?"), regexp.MustCompile(`([a-z][a-z0-9+.-]*://[^\s?"']*|\B/[^\s?"']*)\?[^\s"']+`), "$1?" + masked},                                                                                    // query of a URL
	{lower("urn:ngsi-ld:"), regexp.MustCompile(`(urn:ngsi-ld:[A-Za-z0-9_.-]+:)[^\s"',;)\]}]+`), "$1" + masked},                                                                                    // which entity; its type may stay
	{capitalsAndDigits, regexp.MustCompile(`\b[A-Z]{2}[0-9]{2}(?: |%20|\+|-)?[A-Z]{3}\b`), masked},                                                                                                // British plate
	{capitalsAndDigits, regexp.MustCompile(`(?:^|[^\p{L}\d])[A-ZÄÖÜ]{1,3}[- ][A-Z]{1,2}[ -]?[0-9]{1,4}[EH]?\b`), " " + masked},                                                                    // German plate
	{lower("@"), regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`), masked},                                                                                 // e-mail address
	{lower("passw", "secret", "token", "csrf", "plate", "driver"), regexp.MustCompile(`((?i:password|passwd|secret|token|csrf|licensePlate|driver)"?\s*[=:]\s*)"?[^\s"',;&}]+"?`), "$1" + masked}, // name and value in one text
}

func lower(any ...string) func(s, low string) bool {
	return func(_, low string) bool {
		return slices.ContainsFunc(any, func(word string) bool { return strings.Contains(low, word) })
	}
}

func capitalsAndDigits(s, low string) bool { return s != low && strings.ContainsAny(s, "0123456789") }

// secretText has the form of 32 random bytes: a token, a session. Public hashes are hex and are told apart by that; a token in hex is
// taken for a credential only behind "Bearer" or a name above.
const minSecret = 40

var secretText = regexp.MustCompile(`[A-Za-z0-9_-]{40,}`)

// Mask is s without what Redact masks.
func Mask(s string) string {
	low := strings.ToLower(s)
	for _, shape := range shapes {
		if shape.may(s, low) {
			s = shape.find.ReplaceAllString(s, shape.with)
		}
	}
	if len(s) < minSecret {
		return s
	}
	return secretText.ReplaceAllStringFunc(s, func(word string) string {
		if strings.Trim(word, "0123456789abcdef") == "" || strings.ToLower(word) == word || !strings.ContainsAny(word, "0123456789") {
			return word // a hash, or words joined by hyphens
		}
		return masked
	})
}
