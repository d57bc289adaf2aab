package web

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tribune"
)

const (
	aToken   = "tribune_Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MEFC"
	aSession = "q3Jb0nS8mXw5vT1uZ7yR2cE4dF6gH9iJ-kLpOaQsUvW"
	aJWT     = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
	aKey     = "PRIVATE+KEY+city.example/steward+1a2b3c4d+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
	anAge    = "AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQQPZRY9X8GF2TVDW0S3JN54K"
	aPlate   = "QX16 KLM"
	aHash    = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)

func TestSecretsInTextsAreMasked(t *testing.T) {
	for _, c := range []struct{ name, text, secret, keeps string }{
		{"bearer token", "refused Bearer " + aToken + ", twice", aToken, "refused Bearer"},
		{"bearer token that is short", "Authorization: Bearer x1y2", "x1y2", "Authorization"},
		{"basic credentials", "Basic YWRhOmh1bnRlcjI=", "YWRhOmh1bnRlcjI", "Basic"},
		{"token by itself", "no caller has " + aToken, aToken, "no caller has"},
		{"session by itself", `id="` + aSession + `"`, aSession, "id="},
		{"seed of a key", "seed w5RCtfGXVKXnvtrCX4dJhWqD3Ao/OFPB8jv+yfcNbXs= of an officer", "w5RCtfGX", "of an officer"},
		{"JWT", "token " + aJWT + " is expired", "eyJzdWIiOiJhZGEifQ", "is expired"},
		{"note key", "parsing " + aKey, "AYEKFALV", "parsing"},
		{"age identity", "open " + anAge + ": no such file", "QQPZRY9X8", "no such file"},
		{"PEM", "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n", "MC4CAQ", ""},
		{"cookie", "cookie __Host-tribune=abc; Path=/", "abc;", "Path=/"},
		{"password in a URL", "cannot connect to postgres://tribune:hunter2@db:5432/city", "hunter2", "db:5432/city"},
		{"query of a URL", `Get "http://127.0.0.1:8080/x?q=ada": dial tcp`, "ada", "dial tcp"},
		{"query of a path", "GET /ngsi-ld/v1/entities?q=ada", "ada", "/ngsi-ld/v1/entities"},
		{"entity", "urn:ngsi-ld:ParkingSession:ada-lovelace-1: conflict", "ada-lovelace", "urn:ngsi-ld:ParkingSession:"},
		{"plate", "no session of " + aPlate, aPlate, "no session of"},
		{"plate in one word", "no session of QX16KLM", "QX16KLM", "no session of"},
		{"plate in a URL", "/plates/QX16%20KLM", "QX16", "/plates/"},
		{"German plate", "Kennzeichen M-AB 1234 fehlt", "AB 1234", "fehlt"},
		{"e-mail address", "ada@example.org is locked", "ada@", "is locked"},
		{"password in JSON", `{"password":"hunter2","user":"x"}`, "hunter2", `"user"`},
		{"plate in JSON", `{"licensePlate": "IRREGULAR-1"}`, "IRREGULAR", ""},
	} {
		got := Mask(c.text)
		if strings.Contains(got, c.secret) || !strings.Contains(got, c.keeps) || !strings.Contains(got, masked) {
			t.Errorf("%s: got %q", c.name, got)
		}
	}
}

// A log in which everything is masked helps nobody.
func TestWhatAnOperatorNeedsStaysReadable(t *testing.T) {
	for _, text := range []string{
		"policy set " + aHash,
		"the one way is closed: too few guardians answer",
		"listening on 127.0.0.1:8080: bind: address already in use",
		`Post "http://ombudsman.example:8431/add-checkpoint": dial tcp 127.0.0.1:8431: connect: connection refused`,
		"opening store /var/lib/tribune/hub/store: it is already open: conflict",
		"GET /ngsi-ld/v1/entities/{id}",
		"inspector-looks-up-sessions permits, until-it-ends-on-the-last-day-of-the-year",
	} {
		if got := Mask(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

type secretive struct{ token string }

func (s secretive) LogValue() slog.Value { return slog.StringValue(s.token) }

func TestEveryWayIntoTheLogIsRedacted(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		log := NewLog(&out, slog.LevelDebug, asJSON)
		log.Warn("message with " + aToken)
		log.With("token", "short1").Warn("by name")
		log.With("err", errors.New("plate "+aPlate)).Warn("with")
		log.WithGroup("g").Warn("group", slog.Group("inner", "Access-Token", "short2", "text", aJWT))
		log.Warn("error", "err", fmt.Errorf("asking: %w", errors.New("Bearer short3")))
		log.Warn("structure", "value", struct{ Note string }{aKey})
		log.Warn("bytes", "raw", []byte("short4"))
		log.Warn("valuer", "who", secretive{aSession})
		log.Warn("pointer", "request", &http.Request{Method: "GET", Header: http.Header{"Authorization": {"Bearer short5"}}})
		log.Warn("kept", "size", 12345, "set", aHash)
		got := out.String()
		for _, secret := range []string{aToken, "short1", "short2", "short3", "short4", "short5", aPlate, aSession, "eyJzdWIi", "AYEKFALV"} {
			if strings.Contains(got, secret) {
				t.Errorf("json %v: %q is in the log: %s", asJSON, secret, got)
			}
		}
		for _, kept := range []string{"12345", aHash} {
			if !strings.Contains(got, kept) {
				t.Errorf("json %v: %q is not in the log", asJSON, kept)
			}
		}
	}
}

type nobody struct{}

func (nobody) Caller(token string) (tribune.Caller, error) {
	return tribune.Caller{}, fmt.Errorf("%w: %s", tribune.ErrUnknown, token) // as careless as an error can be
}

// Real requests, with a secret in each of their parts, to handlers that fail as badly as they can.
func TestRequestsLeaveNoSecretInTheLog(t *testing.T) {
	var out bytes.Buffer
	log := NewLog(&out, slog.LevelDebug, false)
	mux := http.NewServeMux()
	problems := NewProblems(log, "")
	mux.HandleFunc("/entities/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("panic") {
			panic(r.URL.String())
		}
		problems.Write(w, r, fmt.Errorf("asking %s for %s with %v", r.URL, r.PathValue("id"), r.Header))
	})
	server := httptest.NewServer(Wrap(Config{Log: log, Callers: nobody{}}, mux))
	defer server.Close()
	ask := func(path string, headers ...string) int {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, server.URL+path, strings.NewReader(`{"licensePlate":"`+aPlate+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if got := ask("/entities/urn:ngsi-ld:Person:ada?q=QX16KLM", "Cookie", "tribune="+aSession); got != http.StatusInternalServerError {
		t.Fatalf("a failing handler answers %d", got)
	}
	ask("/entities/x?panic=" + aSession)
	ask("/entities/x", "Authorization", "Bearer "+aToken)
	got := out.String()
	for _, secret := range []string{aToken, aSession, "QX16", "ada", aPlate} {
		if strings.Contains(got, secret) {
			t.Errorf("%q is in the log: %s", secret, got)
		}
	}
	if strings.Count(got, "msg=request") != 3 || !strings.Contains(got, "asking") {
		t.Errorf("the log does not hold the three requests and their failure: %s", got)
	}
}

func FuzzMask(f *testing.F) {
	f.Add(aJWT, "x")
	f.Add("urn:ngsi-ld:A:", "?")
	f.Fuzz(func(t *testing.T, before, after string) {
		if got := Mask(before + " " + aToken + " " + after); strings.Contains(got, aToken) && !strings.Contains(before+after, aToken) {
			t.Errorf("%q keeps the token", got)
		}
	})
}
