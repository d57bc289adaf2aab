// Package remote asks a model of somebody else's over HTTP: nothing but records in and probabilities out, by the Open Inference Protocol, version 2 (KServe,
// Triton, MLServer, OpenVINO): GET v2/models/NAME[/versions/V] for what it takes and gives, POST .../infer with JSON tensors.
//
// What arrives from there is not trusted: every answer is bounded, must name the request it answers, and must be numbers of the shape asked for that are
// probabilities; else the batch fails, and with it the audit. What is sent there are records of people: only TLS, or this machine itself, is spoken to;
// redirects are not followed; a bearer token is read from a file that nobody else may read, and stands in no error.
//
// An endpoint may count, slow down or refuse queries: requests are limited by rate, retried with growing pauses where the server says it is busy or does not
// answer, and every record that was sent counts against a budget, answered or not. Model's promise that the same input gets the same answer is the
// endpoint's to keep; whoever doubts it asks twice.
package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// Config says where the model is and how gently it is asked.
type Config struct {
	URL       string // of the server, as https://models.example.org or https://host/prefix; http only to this machine
	Model     string
	Version   string   // "": the server's choice
	Input     string   // name of the input tensor; "": the only one in the metadata
	Output    string   // name of the output tensor with the probabilities; "": the only one of floats in the metadata
	Inputs    int      // features; 0: as the metadata say
	Classes   int      // 0: as the metadata say. An output of one number is the probability of the second of two classes
	Names     []string // what the classes are called: an endpoint that tells classes alone is read too; nil = it is refused (labels.go)
	Logits    bool     // the output is not probabilities, but what a softmax (of one number: the logistic function) makes them of
	TokenFile string   // a bearer token, in a file of mode 0600; "": none
	CAFile    string   // PEM certificates to trust instead of the system's

	Batch    int           // records in one request; default 64
	Rate     float64       // requests a second; default 10
	Timeout  time.Duration // of one request; default 30 s
	Attempts int           // for one request; default 5
	Budget   int64         // records that may be sent, retries counted; must be given

	Transport http.RoundTripper // "": one of its own, by CAFile
}

// What an endpoint may be.
const (
	maxFeatures = 1 << 20
	maxClasses  = 1 << 14
	maxBatch    = 1 << 14
	maxPause    = time.Minute
	firstPause  = 250 * time.Millisecond
)

// ErrBudget says that more records would be sent than the budget allows.
var ErrBudget = errors.New("the query budget is used up")

// Remote is a model behind an endpoint.
type Remote struct {
	cfg     Config
	base    string // of the model's URLs
	token   string
	http    *http.Client
	limiter *rate.Limiter
	input   tensorInfo // its shape without the batch
	output  tensorInfo
	inputs  int
	classes int
	single  bool // the output is one number
	labels  bool // the output is which class
	sent    atomic.Int64
	journal *journal // nil: nothing is kept
	serial  atomic.Int64
}

var _ model.Model = (*Remote)(nil)

// Open reads the model's metadata. Errors are tribune.ErrInvalid or ErrUnsupported for what does not fit, and the network's own.
func Open(ctx context.Context, cfg Config) (*Remote, error) {
	r, err := connect(cfg)
	if err != nil {
		return nil, fmt.Errorf("model %q at an endpoint: %w", cfg.Model, err)
	}
	if err := r.describe(ctx); err != nil {
		return nil, fmt.Errorf("asking for the metadata of model %q: %w", cfg.Model, err)
	}
	return r, nil
}

// Inputs is the number of features.
func (r *Remote) Inputs() int { return r.inputs }

// Classes is at least 2.
func (r *Remote) Classes() int { return r.classes }

// Queries is how many records have been sent, answered or not.
func (r *Remote) Queries() int64 { return r.sent.Load() }

// Predict sends x in batches, one after the other, and gives the endpoint's probabilities as they are: each 0..1, together 1 to a thousandth (an endpoint
// may round). ErrBudget, without sending, if a batch would go past the budget.
func (r *Remote) Predict(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	if err := model.CheckInput(r, x); err != nil {
		return matrix.Matrix{}, err
	}
	out := matrix.New(x.Rows, r.classes)
	for from := 0; from < x.Rows; from += r.cfg.Batch {
		to := min(from+r.cfg.Batch, x.Rows)
		if err := r.ask(ctx, x.Slice(from, to), out.Slice(from, to)); err != nil {
			return matrix.Matrix{}, fmt.Errorf("asking model %q about rows %d to %d: %w", r.cfg.Model, from, to-1, err)
		}
	}
	return out, nil
}

// ask fills p with the answers about one batch, in as many attempts as it may take.
func (r *Remote) ask(ctx context.Context, x, p matrix.Matrix) error {
	batch := fingerprint(x, p)
	if known, err := r.journal.answer(batch, p); known || err != nil {
		return err
	}
	id := fmt.Sprint(r.serial.Add(1))
	body, err := r.request(id, x)
	if err != nil {
		return err
	}
	limit := int64(1<<20) + 64*int64(len(p.Data))
	answer, err := r.persist(ctx, http.MethodPost, r.base+"/infer", body, limit, int64(x.Rows))
	if err != nil {
		return err
	}
	if err := r.read(answer, id, p); err != nil {
		return err
	}
	return r.journal.keep(batch, p)
}

// spend counts n records against the budget before they are sent.
func (r *Remote) spend(n int64) error {
	for {
		had := r.sent.Load()
		if n > r.cfg.Budget-had {
			return tribune.Hint(fmt.Errorf("%w: %d records were sent, %d may be", ErrBudget, had, r.cfg.Budget), "a higher budget, if whoever runs the endpoint agrees")
		}
		if r.sent.CompareAndSwap(had, had+n) {
			return r.journal.sending(n)
		}
	}
}
