package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"tribune"
	"tribune/internal/web"
)

type tokens map[string]error

func (t tokens) Caller(token string) (tribune.Caller, error) {
	err, ok := t[token]
	if !ok {
		return tribune.Caller{}, tribune.ErrUnknown
	}
	return tribune.Caller{Actor: "inspector-ward", Office: "parking-inspector"}, err
}

const plate = "AB12CDE"

// serve runs one request through Wrap and returns the answer and everything that was logged.
func serve(t *testing.T, cfg web.Config, r *http.Request, h http.HandlerFunc) (*http.Response, map[string]any, string) {
	t.Helper()
	var logged bytes.Buffer
	cfg.Log = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	mux := http.NewServeMux()
	mux.HandleFunc("/thing/{id}", h)
	w := httptest.NewRecorder()
	web.Wrap(cfg, mux).ServeHTTP(w, r)
	res := w.Result()
	body, _ := io.ReadAll(res.Body)
	var problem map[string]any
	if strings.HasPrefix(res.Header.Get("Content-Type"), web.ProblemType) {
		if err := json.Unmarshal(body, &problem); err != nil {
			t.Fatalf("problem is not JSON: %v", err)
		}
	}
	return res, problem, logged.String()
}

func TestPlatesAndTokensNeverReachTheLog(t *testing.T) {
	r := httptest.NewRequest("POST", "/thing/"+plate+"?q=licensePlate=="+plate, strings.NewReader(plate))
	r.Header.Set("Authorization", "Bearer secret-token")
	r.Header.Set("X-Note", plate)
	res, _, logged := serve(t, web.Config{Callers: tokens{"secret-token": nil}}, r, func(w http.ResponseWriter, r *http.Request) { panic(plate) })
	if res.StatusCode != 500 {
		t.Errorf("got %d after a panic, want 500", res.StatusCode)
	}
	if !strings.Contains(logged, `"route":"/thing/{id}"`) || !strings.Contains(logged, `"msg":"panic"`) {
		t.Fatalf("the log misses the request or the panic: %s", logged)
	}
	for _, secret := range []string{plate, "secret-token"} {
		if strings.Contains(logged, secret) {
			t.Errorf("the log holds %q: %s", secret, logged)
		}
	}
}

func TestUnknownErrorsLeakNothingButTheirRequestID(t *testing.T) {
	for _, cause := range []error{
		errors.New("pebble: /var/secret/path corrupt"),
		&tribune.IntegrityError{What: "tree head", Err: fmt.Errorf("secret: %w", tribune.ErrInvalid)},
	} {
		log := slog.New(slog.DiscardHandler)
		problems := web.NewProblems(log, "")
		res, problem, logged := serve(t, web.Config{}, httptest.NewRequest("GET", "/thing/1", nil), func(w http.ResponseWriter, r *http.Request) {
			problems.Write(w, r, cause)
		})
		if res.StatusCode != 500 || strings.Contains(fmt.Sprint(problem), "secret") {
			t.Errorf("%v: got %d %v", cause, res.StatusCode, problem)
		}
		id, _ := problem["request"].(string)
		if len(id) != 16 || !strings.Contains(logged, id) {
			t.Errorf("request id %q is not in the log: %s", id, logged)
		}
	}
}

func TestTable(t *testing.T) {
	problems := web.NewProblems(slog.New(slog.DiscardHandler), "https://uri.etsi.org/ngsi-ld/errors/",
		web.Row{Err: io.ErrUnexpectedEOF, Status: 403, Name: "complex", Standard: "TooComplexQuery", Title: "x"})
	for _, c := range []struct {
		err    error
		status int
		kind   string
	}{
		{fmt.Errorf("parsing: %w", tribune.ErrInvalid), 400, "https://uri.etsi.org/ngsi-ld/errors/BadRequestData"},
		{tribune.ErrNotFound, 404, "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound"},
		{tribune.ErrConflict, 409, "https://uri.etsi.org/ngsi-ld/errors/AlreadyExists"},
		{tribune.ErrUnsupported, 422, "https://uri.etsi.org/ngsi-ld/errors/OperationNotSupported"},
		{io.ErrUnexpectedEOF, 403, "https://uri.etsi.org/ngsi-ld/errors/TooComplexQuery"},
		{&http.MaxBytesError{Limit: 1}, 413, "/problems/too-large"},
		{tribune.ErrNoQuorum, 503, "/problems/no-quorum"},
		{fmt.Errorf("%w: %w", tribune.ErrVetoed, tribune.ErrInvalid), 403, "/problems/vetoed"},
		{context.DeadlineExceeded, 503, "/problems/timeout"},
		{errors.New("x"), 500, "https://uri.etsi.org/ngsi-ld/errors/InternalError"},
	} {
		p := problems.Of(c.err)
		if p.Status != c.status || p.Type != c.kind {
			t.Errorf("%v: got %d %s, want %d %s", c.err, p.Status, p.Type, c.status, c.kind)
		}
	}
}

func TestDenialNamesWhatWasMissing(t *testing.T) {
	problems := web.NewProblems(slog.New(slog.DiscardHandler), "")
	denial := &tribune.Denial{
		Decision: tribune.Decision{Policies: []string{"parking-read"}, Missing: []string{"a mandate in force"}},
		Receipt:  tribune.Receipt("c2sp.org/tlog-proof@v1\nindex 42\n\ncheckpoint"),
	}
	res, problem, _ := serve(t, web.Config{}, httptest.NewRequest("GET", "/thing/1", nil), func(w http.ResponseWriter, r *http.Request) {
		problems.Write(w, r, fmt.Errorf("preparing: %w", denial))
	})
	if res.StatusCode != 403 || fmt.Sprint(problem["missing"]) != "[a mandate in force]" || fmt.Sprint(problem["policies"]) != "[parking-read]" {
		t.Errorf("got %d %v", res.StatusCode, problem)
	}
	if got := res.Header.Get("Link"); got != `</record/receipts/42>; rel="receipt"` {
		t.Errorf("Link: %q", got)
	}
}

func TestCallerHeaders(t *testing.T) {
	known := tokens{"good": nil, "old": tribune.ErrExpired}
	for _, c := range []struct {
		name   string
		header http.Header
		status int
	}{
		{"anonymous", http.Header{}, 200},
		{"known", http.Header{"Authorization": {"Bearer good"}, "Tribune-Purpose": {"enforce-parking"}}, 200},
		{"expired", http.Header{"Authorization": {"Bearer old"}}, 401},
		{"unknown", http.Header{"Authorization": {"Bearer bad"}}, 401},
		{"basic", http.Header{"Authorization": {"Basic good"}}, 401},
		{"twice", http.Header{"Authorization": {"Bearer good", "Bearer good"}}, 401},
		{"endless", http.Header{"Authorization": {"Bearer " + strings.Repeat("a", 5000)}}, 401},
		{"two purposes", http.Header{"Tribune-Purpose": {"a", "b"}}, 400},
		{"purpose with spaces", http.Header{"Tribune-Purpose": {"a b"}}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/thing/1", nil)
			r.Header = c.header
			var got tribune.Caller
			res, _, _ := serve(t, web.Config{Callers: known}, r, func(w http.ResponseWriter, r *http.Request) { got = web.CallerOf(r.Context()) })
			if res.StatusCode != c.status {
				t.Errorf("got %d, want %d", res.StatusCode, c.status)
			}
			if c.name == "known" && (got.Actor != "inspector-ward" || got.Purpose != "enforce-parking") {
				t.Errorf("caller is %+v", got)
			}
			if c.status != 200 && got != (tribune.Caller{}) {
				t.Errorf("a refused caller reached the handler: %+v", got)
			}
		})
	}
}

func TestBodiesAreBoundedWithAndWithoutALength(t *testing.T) {
	for _, length := range []int64{-1, 100} {
		r := httptest.NewRequest("POST", "/thing/1", strings.NewReader(strings.Repeat("x", 100)))
		r.ContentLength = length
		problems := web.NewProblems(slog.New(slog.DiscardHandler), "")
		res, _, _ := serve(t, web.Config{MaxBody: 10}, r, func(w http.ResponseWriter, r *http.Request) {
			if _, err := web.Body(r); err != nil {
				problems.Write(w, r, err)
			}
		})
		if res.StatusCode != 413 {
			t.Errorf("length %d: got %d, want 413", length, res.StatusCode)
		}
	}
	r := httptest.NewRequest("POST", "/thing/1", strings.NewReader(strings.Repeat("x", 3000)))
	r.ContentLength = -1
	if b, err := web.Body(r); err != nil || len(b) != 3000 {
		t.Errorf("got %d bytes, %v", len(b), err)
	}
}

func TestTooManyRequestsGetAnAnswerNotMemory(t *testing.T) {
	release, entered := make(chan struct{}), make(chan struct{})
	h := web.Wrap(web.Config{Log: slog.New(slog.DiscardHandler), MaxInFlight: 1, Demo: true}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
	}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}()
	<-entered
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	close(release)
	<-done
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Tribune-Mode") != "demo" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}

func TestCheckJSON(t *testing.T) {
	for body, ok := range map[string]bool{
		`{"a":[{"b":"[[[[[["}]}`:      true,
		`{"a":"\"[[[[[["}`:            true,
		`[[[[]]]]`:                    true,
		`[[[[[]]]]]`:                  false,
		"{\"a\":\"\xff\"}":            false,
		strings.Repeat("[", 1_000_00): false,
	} {
		if err := web.CheckJSON([]byte(body), 4); (err == nil) != ok {
			t.Errorf("%.20q: %v", body, err)
		}
	}
}

func TestTakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := web.Listen(t.Context(), l.Addr().String(), 0); err == nil || tribune.HintOf(err) == "" {
		t.Errorf("an explicit taken port: got %v, want an error with a hint", err)
	}
	next, err := web.Listen(t.Context(), l.Addr().String(), 10)
	if err != nil {
		t.Fatalf("a default taken port: %v", err)
	}
	next.Close()
}

func TestEveryOwnTypeHasAPage(t *testing.T) {
	problems := web.NewProblems(slog.New(slog.DiscardHandler), "")
	for _, err := range []error{tribune.ErrDenied, tribune.ErrBusy, tribune.ErrInvalid, errors.New("x")} {
		kind := problems.Of(err).Type
		w := httptest.NewRecorder()
		web.Catalogue().ServeHTTP(w, httptest.NewRequest("GET", kind, nil))
		if w.Code != http.StatusSeeOther {
			t.Errorf("%s: got %d", kind, w.Code)
		}
	}
	w := httptest.NewRecorder()
	web.Catalogue().ServeHTTP(w, httptest.NewRequest("GET", "/problems/nonsense", nil))
	if w.Code != 404 {
		t.Errorf("got %d for a type that is none", w.Code)
	}
}

// Acts that wait for publication must not lock out the guardians whose co-signatures they wait for.
func TestWaitingRequestsDoNotLockOutThoseTheyWaitFor(t *testing.T) {
	logRead, waiting := make(chan struct{}), make(chan struct{}, 2)
	h := web.Wrap(web.Config{Log: slog.New(slog.DiscardHandler), MaxInFlight: 2, Vital: []string{"/log/"}}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/act" {
			waiting <- struct{}{}
			<-logRead
		}
	}))
	var acts sync.WaitGroup
	for range 2 {
		acts.Go(func() { h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/act", nil)) })
	}
	<-waiting
	<-waiting
	busy := httptest.NewRecorder()
	h.ServeHTTP(busy, httptest.NewRequest(http.MethodGet, "/page", nil))
	if busy.Code != http.StatusServiceUnavailable {
		t.Errorf("a third request got %d, want 503", busy.Code)
	}
	vital := httptest.NewRecorder()
	h.ServeHTTP(vital, httptest.NewRequest(http.MethodGet, "/log/checkpoint", nil))
	if vital.Code != http.StatusOK {
		t.Errorf("the guardians' request got %d, want 200", vital.Code)
	}
	close(logRead)
	acts.Wait()
}
