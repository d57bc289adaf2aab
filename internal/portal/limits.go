package portal

import (
	"fmt"
	"net/http"
	"time"

	"github.com/BurntSushi/toml"

	"tribune"
)

// What the platform cannot promise, and what the city does outside of it. The first is the same for every city; the second
// is the city's own word: nothing here can enforce it.

// limit is one thing that is not covered.
type limit struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Text  string `json:"text"`
	Help  string `json:"help"` // what stands against it all the same
}

// limits in plain words; docs/protocol.md says the same for those who build it.
func limits(w *words, t, n int) []limit {
	few, block := w.T("enough"), w.T("too many")
	if n > 0 {
		few, block = w.T("%d of the %d", t, n), w.T("%d of the %d", n-t+1, n)
	}
	return []limit{
		{"arrival", w.T("Whoever controls the running hub reads what arrives"),
			w.T("Personal data are sealed the moment they arrive. Somebody who has taken over the hub’s program can read them in that moment, and can seal something false. An image of its memory gives away what arrived in the last quarter of an hour, the names seen lately, and who was looked up."),
			w.T("What is sealed already stays sealed: thieves of disks and backups open nothing.")},
		{"disk", w.T("A stolen disk tells who comes often, not who they are"),
			w.T("What lies on the hub’s disk opens for nobody, but which sealed values are one person’s, and when they arrived, stands there in the clear. Whoever has seen a vehicle a few times at known moments can pick out its other visits: when, not where."),
			w.T("Backups are for their keeper alone. Nothing of this is in the public record.")},
		{"guardians", w.T("Guardians can act together"),
			w.T("If %s guardians act together in secret, they can open data without any entry in the record. If %s guardians are lost for good, nobody can open the data any more.", few, block),
			w.T("That is why they are independent of the city and of each other, and why their names and keys are public.")},
		{"looked-at", w.T("The record counts openings, not looks"),
			w.T("Every opening of personal data is on record. How often an officer looks at what was opened, writes it down or tells it to somebody is not."),
			w.T("Each opening names the office, the purpose and the mandate, and touches one act’s people only.")},
		{"refusals", w.T("A hub can hide that it refused somebody"),
			w.T("The record is complete for openings. It is not for refusals: a dishonest hub could leave out a request that it refused."),
			w.T("A refused request opened nothing.")},
		{"linking", w.T("The hub and the guardians can tell your uses apart from others’"),
			w.T("The marks by which you find uses of your data look random to the public. For the hub, and for the guardians that release a key, they do not: they must check them."),
			w.T("Neither learns your name from them: they see a pseudonym.")},
		{"swap", w.T("A hub that is taken over could swap the person"),
			w.T("An officer signs a question; the people it is about are covered by a commitment, not by readable names. A hub that is taken over could put somebody else in their place."),
			w.T("The swap is on record, and the other person’s own list shows it.")},
		{"quantum", w.T("Large quantum computers would break the seal"),
			w.T("The sealing rests on elliptic curves (BLS12-381), which a large quantum computer could break. No such computer is known today."),
			w.T("Data past their keeping time lose the headers they open with; copies that somebody has stolen could still be opened then.")},
		{"copies", w.T("Deleting binds the honest"),
			w.T("When data have been kept long enough, the hub deletes what is needed to open them. A dishonest hub could have kept copies."),
			w.T("Guardians refuse to release keys for what is past its keeping time, so such copies do not open without them.")},
		{"false-data", w.T("A proof says who used data, not that data are true"),
			w.T("A sensor can be wrong, a person can be misled, a register can hold a mistake. Nothing here checks that what was measured or written is true."),
			w.T("Every value names its source, and every device its owner.")},
		{"outside", w.T("What the city does outside this platform leaves no trace here"),
			w.T("Paper files, telephone calls, other computer systems: this platform sees nothing of them and enforces nothing there."),
			w.T("Below is what the city itself says it does elsewhere.")},
		{"gate", w.T("What you withdraw binds the city, not the guardians"),
			w.T("Guardians do not know which consents were withdrawn, which data were restricted and to what somebody objected: the city’s own program keeps to it."),
			w.T("A use against it is on record all the same, and stands in your list.")},
		{"vital", w.T("An emergency can be opened before it is on record"),
			w.T("Where the law names a class for vital interest, two people may open the current value for a quarter of an hour while guardians cannot be reached. A hub that was taken over together with these two could do so unseen."),
			w.T("What they open is disclosed within a day, and a key that is missing without a reason raises an alarm.")},
		{"not-built", w.T("Not everything that is planned exists"),
			w.T("There are no protected statistics yet: the city publishes none about people."),
			w.T("This page will say when that changes.")},
	}
}

// Outside is something that the city does with people's data, or with power over them, outside this platform. It is
// the city's own word, not enforced.
type Outside struct {
	Title   string    `toml:"title" json:"title"`
	Office  string    `toml:"office" json:"office"`   // who does it
	What    string    `toml:"what" json:"what"`       // what is done with which data
	Why     string    `toml:"why" json:"why"`         // the purpose and its law
	Where   string    `toml:"where" json:"where"`     // in which system, or on paper
	Contact string    `toml:"contact" json:"contact"` // whom to ask
	Until   time.Time `toml:"until" json:"until"`     // when this is looked at again
}

// Bounds of the list.
const (
	maxOutside     = 1000
	maxOutsideText = 4 << 10
)

// ReadOutside reads the city's list: TOML, one [[outside]] table each with title, office, what, why, where, contact, and until, a
// day. All of them must be there; other keys are refused.
func ReadOutside(text string) ([]Outside, error) {
	var file struct {
		Outside []Outside `toml:"outside"`
	}
	meta, err := toml.Decode(text, &file)
	if err != nil {
		return nil, fmt.Errorf("%w: list of what is done outside: %w", tribune.ErrInvalid, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("%w: list of what is done outside: the key %.60q means nothing here", tribune.ErrInvalid, unknown[0].String())
	}
	if len(file.Outside) > maxOutside {
		return nil, fmt.Errorf("list of what is done outside: %d entries, at most %d: %w", len(file.Outside), maxOutside, tribune.ErrTooLarge)
	}
	for i, o := range file.Outside {
		for key, value := range map[string]string{"title": o.Title, "office": o.Office, "what": o.What, "why": o.Why, "where": o.Where, "contact": o.Contact} {
			if value == "" || len(value) > maxOutsideText {
				return nil, fmt.Errorf("%w: list of what is done outside, entry %d: %s is missing or longer than %d bytes", tribune.ErrInvalid, i+1, key, maxOutsideText)
			}
		}
		if y := o.Until.Year(); y < 2000 || y > 9000 {
			return nil, fmt.Errorf("%w: list of what is done outside, entry %d: until is missing; nothing is without an end", tribune.ErrInvalid, i+1)
		}
	}
	return file.Outside, nil
}

type limitsData struct {
	Limits  []limit
	Outside []Outside
	Listed  bool // the city publishes a list, be it empty
}

func (p *Portal) limitsOf(w *words) limitsData {
	t, n := 0, 0
	if p.cfg.Group != nil {
		if g := p.cfg.Group(); g != nil {
			t, n = g.T, g.N
		}
	}
	d := limitsData{Limits: limits(w, t, n)}
	if p.cfg.Outside != nil {
		d.Outside, d.Listed = p.cfg.Outside(), true
	}
	return d
}

func (p *Portal) showLimits(r *http.Request) (view, error) {
	w := wordsOf(r)
	return view{Name: "limits", Title: w.T("What is not covered"), Data: p.limitsOf(w)}, nil
}

func (p *Portal) limitsJSON(w http.ResponseWriter, r *http.Request) error {
	d := p.limitsOf(wordsOf(r))
	if d.Outside == nil {
		d.Outside = []Outside{}
	}
	writeJSON(w, map[string]any{"limits": d.Limits, "outside": d.Outside, "outsideIsListed": d.Listed}, false)
	return nil
}

func (p *Portal) limitsCSV(w http.ResponseWriter, r *http.Request) error {
	d := p.limitsOf(wordsOf(r))
	rows := [][]string{{"sort", "title", "text", "help or contact", "until"}}
	for _, l := range d.Limits {
		rows = append(rows, []string{"limit", l.Title, l.Text, l.Help, ""})
	}
	for _, o := range d.Outside {
		rows = append(rows, []string{"outside, not enforced", o.Title, o.Office + ": " + o.What + " " + o.Why + " (" + o.Where + ")", o.Contact, o.Until.Format(time.DateOnly)})
	}
	return writeCSV(w, "limits", rows)
}
