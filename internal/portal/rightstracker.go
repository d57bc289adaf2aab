package portal

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tribune"
	"tribune/internal/web"
	"tribune/protocol"
)

// Estonia's Data Tracker (Andmejälgija) asks every register of the state in one way who used a person's data: GET findUsage, usagePeriod
// and heartbeat, dumonitor-openapi.yaml 2.1.0. Whoever shows a person all of it in one place can ask this city, too. It answers from the
// public record, for the person who has logged in, and says no more than "my data" does.
//
// Differences, because of what we promise: userCode may be left out, and where it is given it must be a name of the session's person
// (an X-Road security server vouches for its users; we believe the login alone, and X-Road-UserId is read by nobody);
// receiverCode is the office's id in the city's register, receiverSystem the mandate under which it acted.

const (
	trackerPrefix = "/datatracker/v2"
	trackerLimit  = 1000 // records of one answer, as the specification's default
)

func (p *Portal) trackerRoutes() {
	p.mux.HandleFunc("GET "+trackerPrefix+"/findUsage", p.tracker(p.findUsage))
	p.mux.HandleFunc("GET "+trackerPrefix+"/usagePeriod", p.tracker(p.usagePeriod))
	p.mux.HandleFunc("GET "+trackerPrefix+"/heartbeat", p.tracker(p.heartbeat))
}

// trackerUsage is schema Usage.
type trackerUsage struct {
	LogTime        string `json:"logtime"`
	Action         string `json:"action"`
	ReceiverCode   string `json:"receiverCode"`
	ReceiverName   string `json:"receiverName"`
	ReceiverSystem string `json:"receiverSystem"`

	at time.Time
}

// trackerUsages is schema FindUsageResponse.
type trackerUsages struct {
	TotalUsages int            `json:"totalUsages"`
	Usages      []trackerUsage `json:"usages"`
}

// tracker serves machines: errors are problem details, and nothing is cached.
func (p *Portal) tracker(serve func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := serve(r)
		if err != nil {
			headers(w.Header(), true)
			web.NewProblems(p.cfg.Log, "").Write(w, r, err)
			return
		}
		writeJSON(w, answer, true)
	}
}

// tracked is the session, which alone says whose uses are asked for.
func (p *Portal) tracked(r *http.Request) (*web.Session, error) {
	if err := offered(p.cfg.Own != nil, "a look at one’s own data"); err != nil {
		return nil, err
	}
	s := web.SessionOf(r.Context())
	if s == nil {
		return nil, tribune.Hint(fmt.Errorf("%w: nobody has logged in", tribune.ErrUnknown), "Log in at /login; the session's cookie is what counts here.")
	}
	return s, nil
}

func (p *Portal) findUsage(r *http.Request) (any, error) {
	s, err := p.tracked(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	from, err := trackerTime(q.Get("periodStart"), "periodStart")
	if err != nil {
		return nil, err
	}
	until, err := trackerTime(q.Get("periodEnd"), "periodEnd")
	if err != nil {
		return nil, err
	}
	offset, err := trackerNumber(q.Get("offset"), "offset", 0)
	if err != nil {
		return nil, err
	}
	limit, err := trackerNumber(q.Get("limit"), "limit", trackerLimit)
	if err != nil {
		return nil, err
	}
	all, err := p.usages(r, s, q.Get("userCode"))
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(u trackerUsage) bool {
		return !from.IsZero() && u.at.Before(from) || !until.IsZero() && u.at.After(until)
	})
	slices.SortStableFunc(all, func(a, b trackerUsage) int { return cmp.Compare(b.at.UnixMilli(), a.at.UnixMilli()) }) // the latest first
	out := trackerUsages{TotalUsages: len(all), Usages: []trackerUsage{}}
	start := min(offset, len(all))
	out.Usages = append(out.Usages, all[start:min(start+min(limit, trackerLimit), len(all))]...)
	return out, nil
}

// usages are a person's uses on record, in the tracker's words.
func (p *Portal) usages(r *http.Request, s *web.Session, userCode string) (all []trackerUsage, err error) {
	w, found := wordsOf(r), userCode == ""
	for i, name := range s.Names[:min(len(s.Names), maxNames)] {
		if userCode != "" && name.Name != userCode {
			continue
		}
		found = true
		uses, err := p.everyUse(r.Context(), name)
		if err != nil && !errors.Is(err, tribune.ErrNotFound) {
			return nil, fmt.Errorf("looking up the uses on record: %w", err)
		}
		for _, u := range uses {
			one := meUse{Use: u, Of: i}
			p.tell(r.Context(), w, &one)
			all = append(all, trackerUsage{
				LogTime: one.At.UTC().Format(time.RFC3339), Action: one.Why, ReceiverCode: string(u.Leaf.Act.Office), ReceiverName: one.Who,
				ReceiverSystem: string(u.Leaf.Act.Mandate), at: one.At,
			})
		}
	}
	if !found { // one answer for somebody else's name and for one that nobody has
		return nil, fmt.Errorf("%w: userCode is no name of yours", tribune.ErrDenied)
	}
	return all, nil
}

// usagePeriod is schema UsagePeriodResponse: from the record's first entry until now.
func (p *Portal) usagePeriod(r *http.Request) (any, error) {
	if _, err := p.tracked(r); err != nil {
		return nil, err
	}
	for entry, err := range p.cfg.Record.Range(r.Context(), 0) {
		if err != nil {
			return nil, fmt.Errorf("reading the record: %w", err)
		}
		leaf, err := protocol.DecodeLeaf(entry.Leaf)
		if err != nil {
			continue // of a later version
		}
		if at, err := leaf.Act.When(); err == nil {
			return map[string]string{"periodStart": at.UTC().Format(time.RFC3339)}, nil
		}
	}
	return map[string]string{"periodStart": p.cfg.Now().UTC().Format(time.RFC3339)}, nil
}

// heartbeat is schema HeartbeatResponse. It is for everybody.
func (p *Portal) heartbeat(*http.Request) (any, error) {
	switch {
	case p.cfg.Own == nil:
		return map[string]string{"status": "FAIL", "message": "nobody can log in here"}, nil
	case !p.cfg.Record.Quorum():
		return map[string]string{"status": "FAIL", "message": "too few guardians co-sign the record; what is published already can be asked for"}, nil
	}
	return map[string]string{"status": "OK", "message": "the record is published"}, nil
}

func trackerTime(text, what string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%w: %s is no time of RFC 3339, like 2021-01-31T10:20:30Z", tribune.ErrInvalid, what)
	}
	return t, nil
}

func trackerNumber(text, what string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: %s is no number from 0 to 2147483647", tribune.ErrInvalid, what)
	}
	return int(n), nil
}
