package policy

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cedar-policy/cedar-go"

	"tribune"
	"tribune/protocol"
)

// No explanation of a model leaves the city without an audit: an act of kind publish is decided here, from the register of models and the verdict
// that an auditor signed, and from nothing else. Hub, watchers and whoever holds the leaf come to the same. The floor forbids it besides, and no
// policy can permit what is missing here.

// maxVerdict is how long a verdict counts, whatever it says of itself: attacks get better.
const maxVerdict = 366 * 24 * time.Hour

const badVerdict = "the verdict cannot be read, or nobody has signed it who may sign verdicts here"

// verdictEntry is what is known of one signed verdict, whenever it is used.
type verdictEntry struct {
	verdict protocol.ModelVerdict
	hash    tribune.Hash // of its text, whoever signed it
	auditor string
	missing string // why it does not count, "" = it verifies
}

// Verdict opens a signed verdict on a model and says which auditor's key signed it. Whether it carries a publication is Publishable's to say.
func (s *Set) Verdict(doc []byte) (v protocol.ModelVerdict, auditor string, err error) {
	e := s.verdict(doc)
	if e.missing != "" {
		return v, "", fmt.Errorf("%w: %s", tribune.ErrInvalid, e.missing)
	}
	return e.verdict, e.auditor, nil
}

func (s *Set) verdict(doc []byte) *verdictEntry {
	if len(doc) > protocol.MaxVerdictDoc {
		return &verdictEntry{missing: badVerdict}
	}
	return s.verdicts.get(sha256.Sum256(doc), func() *verdictEntry { return s.openVerdict(doc) })
}

func (s *Set) openVerdict(doc []byte) *verdictEntry {
	claimed, _ := protocol.SplitDocument(doc)
	for i := range s.signers {
		if !s.signers[i].may(signsVerdicts) {
			continue
		}
		text, _, err := protocol.OpenSigned(doc, s.signers[i].key)
		if err != nil || text != claimed {
			continue
		}
		v, err := protocol.ParseVerdictText(text)
		if err != nil {
			break
		}
		hash, err := v.Hash()
		if err != nil {
			break
		}
		return &verdictEntry{verdict: v, hash: hash, auditor: s.signers[i].Name}
	}
	return &verdictEntry{missing: badVerdict}
}

// Publishable says why an explanation may not be shown to everybody at that time, in plain words; nothing where it may. It is all of a publication
// that does not depend on who asks: who replays a leaf, and who serves a file, ask the same.
func (s *Set) Publishable(p tribune.Publication, at time.Time) (missing []string) {
	say := func(format string, args ...any) { missing = append(missing, fmt.Sprintf(format, args...)) }
	m, ok := s.Model(p.Model)
	if !ok {
		say("the model named is not in the register of models")
		return missing
	}
	if !at.Before(m.Until) {
		say("the register's entry of model %s ended %s", m.ID, ended(m.Until))
	}
	if p.Hash != m.Hash {
		say("what is explained is another model than the register's %s", m.ID)
	}
	if p.File == (tribune.Hash{}) {
		say("the act does not say which file is published")
	}
	if len(p.Verdict) == 0 {
		say("no verdict was shown: nothing may be published of model %s", m.ID)
		return missing
	}
	e := s.verdict(p.Verdict)
	if e.missing != "" {
		say("%s", e.missing)
		return missing
	}
	v := e.verdict
	if e.auditor != m.Auditor {
		say("the verdict is by %s, and model %s is audited by %s", e.auditor, m.ID, m.Auditor)
	}
	if slices.Contains(m.Revoked, e.hash) {
		say("the verdict was revoked")
	}
	if v.Model != m.Hash {
		say("the verdict is about another model than %s", m.ID)
	}
	if v.Plan != m.Plan {
		say("the verdict rests on other limits than those that the register fixed for model %s", m.ID)
	}
	if !v.Passed {
		say("the audit failed: what it measured is over the limits, or could not be measured")
	}
	if !slices.Contains(v.Explanations, p.Method) {
		say("the verdict does not cover this method with this defence")
	}
	return append(missing, stale(v, at)...)
}

// stale says why a verdict does not count at that time: it is fresh from From on and before Until, whatever a policy says.
func stale(v protocol.ModelVerdict, at time.Time) (missing []string) {
	from, until := time.Unix(v.From, 0).UTC(), time.Unix(v.Until, 0).UTC()
	if until.Sub(from) > maxVerdict {
		missing = append(missing, fmt.Sprintf("the verdict would count for more than %d days", maxVerdict/(24*time.Hour)))
	}
	if at.Before(from) {
		missing = append(missing, "the verdict begins "+begins(from))
	}
	if !at.Before(until) {
		missing = append(missing, "the verdict ended "+ended(until)+", and a new audit is due")
	}
	return missing
}

// publish checks an act of kind publish. Other kinds carry neither a publication nor a verdict.
func (j *judgement) publish(evidence tribune.Evidence) {
	a := j.act
	if a.Kind != tribune.ActPublish {
		if a.Publication != nil || len(evidence.Verdict) > 0 {
			j.missing("only an act that publishes an explanation carries a verdict")
		}
		return
	}
	if a.Count != 0 || a.Scope.Class != "" || len(a.Scope.Subjects) > 0 {
		j.missing("an explanation that is published touches nobody and no class of data")
	}
	if a.Publication == nil {
		j.missing("the act does not say what is published")
		return
	}
	p := *a.Publication
	p.Verdict = evidence.Verdict
	j.d.Missing = append(j.d.Missing, j.set.Publishable(p, j.at)...)
	m, ok := j.set.Model(p.Model)
	if !ok {
		return
	}
	j.model = &m
	if m.Owner != a.Caller.Office {
		j.missing("model %s belongs to office %s, which alone publishes its explanations", m.ID, m.Owner)
	}
	if e := j.set.verdict(evidence.Verdict); e.missing == "" {
		j.audited = e
		ap := j.set.appointment(evidence.Appointment)
		if g := j.set.signer(e.auditor); ap.missing == "" && g.key.Is(ap.appointment.Key) {
			j.missing("the verdict is signed with the key of who publishes: an auditor is somebody else")
		}
	}
}

// modelRecord and verdictRecord are what policies see.
func (j *judgement) modelRecord() cedar.Record {
	m := j.model
	return cedar.NewRecord(cedar.RecordMap{
		"id": cedar.String(m.ID), "owner": cedar.String(m.Owner), "kind": cedar.String(m.Kind), "hash": cedar.String(m.Hash.String()), "plan": cedar.String(m.Plan.String()), "auditor": cedar.String(m.Auditor),
	})
}

func (j *judgement) verdictRecord() cedar.Record {
	v := j.audited.verdict
	worst := cedar.RecordMap{}
	for measure, name := range map[string]cedar.String{"tpr@0.1%": "tpr01", "tpr@1%": "tpr1", "auc": "auc", "beyond-auc": "beyond"} {
		if figure, ok := v.Worst[measure]; ok {
			worst[name] = cedar.Long(math.Ceil(min(max(figure, -1), 1)*100 - 1e-9))
		}
	}
	return cedar.NewRecord(cedar.RecordMap{
		"passed": cedar.Boolean(v.Passed), "covers": cedar.Boolean(slices.Contains(v.Explanations, j.act.Publication.Method)), "fresh": cedar.Boolean(len(stale(v, j.at)) == 0 && !slices.Contains(j.model.Revoked, j.audited.hash)),
		"model": cedar.String(v.Model.String()), "plan": cedar.String(v.Plan.String()), "auditor": cedar.String(j.audited.auditor), "until": cedar.Long(v.Until), "worst": cedar.NewRecord(worst),
	})
}
