package portal

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// checkpointData is the signed head of the record, explained.
type checkpointData struct {
	Note       string
	Checkpoint *verify.Checkpoint // nil where it could not be verified
	Root64     string
	Problem    string
	Published  uint64
	Quorum     bool
	Group      *protocol.Group
	Guardians  []cosigner
	Signed     int
	Block      int // guardians whose loss stops the opening of data
	Now        time.Time
	URL        string
}

// cosigner is one guardian beside the checkpoint that is published now.
type cosigner struct {
	Name, Key string
	Index     int
	Signed    bool
	At        time.Time
	Age       int // seconds
}

func (p *Portal) showCheckpoint(r *http.Request) (view, error) {
	w := wordsOf(r)
	d := checkpointData{Published: p.cfg.Record.Published(), Quorum: p.cfg.Record.Quorum(), Now: p.cfg.Now(), URL: p.base(r)}
	head := p.cfg.Record.Checkpoint()
	d.Note = string(head)
	if p.cfg.Group != nil {
		d.Group = p.cfg.Group()
	}
	trust, err := p.trust()
	switch {
	case err != nil:
		return view{}, err
	case len(head) == 0:
		d.Problem = w.T("No checkpoint has been published yet: too few guardians have co-signed.")
	case trust == nil:
		d.Problem = w.T("The guardians have not finished their key ceremony, so there are no published keys to check the checkpoint with.")
	default:
		c, err := trust.OpenCheckpoint(head)
		if err != nil {
			d.Problem = w.T("This checkpoint does not verify with the published keys. That must not happen: please tell the guardians.")
			break
		}
		d.Checkpoint, d.Root64, d.Published = c, base64.StdEncoding.EncodeToString(c.Root[:]), c.Size
		if err := trust.Quorum(c); err != nil && !errors.Is(err, tribune.ErrNoQuorum) {
			return view{}, err
		}
		d.guardians(trust.Guardians(), c)
	}
	if d.Group != nil {
		d.Block = d.Group.N - d.Group.T + 1
		for i := range d.Guardians {
			if j := slices.IndexFunc(d.Group.Guardians, func(m protocol.Member) bool { return m.Name == d.Guardians[i].Name }); j >= 0 {
				d.Guardians[i].Key, d.Guardians[i].Index = d.Group.Guardians[j].Key, d.Group.Guardians[j].Index
			}
		}
	}
	return view{Name: "checkpoint", Title: w.T("Who vouches for the record"), Data: d}, nil
}

func (d *checkpointData) guardians(names []string, c *verify.Checkpoint) {
	for _, name := range names {
		g := cosigner{Name: name}
		for _, s := range c.Cosignatures {
			if s.Name == name {
				g.Signed, g.At, g.Age = true, s.Time, max(0, int(d.Now.Sub(s.Time)/time.Second))
			}
		}
		if g.Signed {
			d.Signed++
		}
		d.Guardians = append(d.Guardians, g)
	}
}

// Origin is the name of the log, where its note says it.
func (d checkpointData) Origin() string {
	origin, _, _ := strings.Cut(d.Note, "\n")
	return origin
}
