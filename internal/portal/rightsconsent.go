package portal

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/rights"
	"tribune/internal/web"
	"tribune/protocol"
)

// consentsPage asks what a person permits, and shows what they have answered. Nothing is chosen before they choose; yes and no are two
// buttons of one size, each one press away.
type consentsPage struct {
	Questions []consentQuestion
	Answers   []consentAnswer
	Keys      []string // public keys that may sign now
	Signed    bool     // the page after an answer
}

type consentQuestion struct {
	Of, Ask                    int
	Type, Name                 string
	Purpose, About, Class, Who string
	PurposeID, ClassID, Office string
	Until                      time.Time
	Text                       string   // JCS: what is signed by a yes
	Keys                       []string // of this name
	Before                     string   // how it was answered before, "" = not yet
}

type consentAnswer struct {
	*rights.ConsentRecord
	Type, PurposeName, ClassName, Who, Stands string
	InForce, Yes                              bool
}

func (p *Portal) showConsents(r *http.Request) (view, error) {
	s, room, err := p.citizen(r, session)
	if err != nil {
		return view{}, err
	}
	w, n := wordsOf(r), p.naming(wordsOf(r))
	d := consentsPage{}
	given := map[string]string{}
	now := p.cfg.Now()
	for _, c := range room.Answers(p.cfg.Citizens.Owner(s)) {
		one := consentAnswer{ConsentRecord: c, Type: nameType(w, c.NameType), PurposeName: n.purpose(string(c.Purpose)), ClassName: n.class(string(c.Class)),
			Who: n.office(string(c.Recipient)), Stands: consentState(w, c.State(now)), InForce: c.State(now) == rights.ConsentGiven, Yes: c.Signed != nil}
		d.Answers = append(d.Answers, one)
		key := fmt.Sprint(c.Subject, c.Purpose, c.Class, c.Recipient)
		if given[key] == "" || one.InForce {
			given[key] = c.State(now)
		}
	}
	keys := []BrowserKey{}
	if p.cfg.Keys != nil {
		if keys, err = p.cfg.Keys.List(r.Context(), s); err != nil {
			return view{}, fmt.Errorf("listing browser keys: %w", err)
		}
	}
	for i, name := range s.Names[:min(len(s.Names), maxNames)] {
		person, err := p.cfg.Citizens.Person(r.Context(), s, name)
		if err != nil {
			return view{}, fmt.Errorf("finding under which mark your data are kept: %w", err)
		}
		for j, ask := range room.Rules().Asks {
			before := given[fmt.Sprint(person.Subject, ask.Purpose, ask.Class, ask.Recipient)]
			q, ok, err := p.ask(w, room, person, name, ask)
			if err != nil {
				return view{}, err
			}
			if !ok || before == rights.ConsentGiven {
				continue
			}
			q.Of, q.Ask = i, j
			if before != "" {
				q.Before = consentState(w, before)
			}
			for _, k := range keys {
				if k.For == name && k.Office == dataSubject && k.usable(now) {
					q.Keys = append(q.Keys, k.Base64())
					if !slices.Contains(d.Keys, k.Base64()) {
						d.Keys = append(d.Keys, k.Base64())
					}
				}
			}
			d.Questions = append(d.Questions, q)
		}
	}
	return view{Name: "consents", Title: w.T("What I permit"), Data: d, Scripts: []string{"consents"}, Private: true}, nil
}

// ask is one question in words. What is in no register, or not about such a name, is not asked.
func (p *Portal) ask(w *words, room *rights.Room, person rights.Person, name web.PersonName, a rights.Ask) (consentQuestion, bool, error) {
	set, n := p.cfg.Law.Set(), p.naming(w)
	purpose, ok := set.Purpose(a.Purpose)
	class, known := set.Class(a.Class)
	_, there := set.Office(a.Recipient)
	if !ok || !known || !there || !class.Personal || class.SubjectType != name.Type {
		return consentQuestion{}, false, nil
	}
	draft := room.Draft(person, a)
	text, err := protocol.JCS(draft)
	if err != nil {
		return consentQuestion{}, false, fmt.Errorf("writing a consent: %w", err)
	}
	_, until, err := draft.Span()
	if err != nil {
		return consentQuestion{}, false, err
	}
	return consentQuestion{
		Type: nameType(w, name.Type), Name: name.Name, Purpose: n.purpose(string(a.Purpose)), About: purpose.Description, Class: n.class(string(a.Class)),
		Who: n.office(string(a.Recipient)), PurposeID: string(a.Purpose), ClassID: string(a.Class), Office: string(a.Recipient), Until: until, Text: string(text),
	}, true, nil
}

func consentState(w *words, state string) string {
	switch state {
	case rights.ConsentGiven:
		return w.T("permitted")
	case rights.ConsentRefused:
		return w.T("not permitted")
	case rights.ConsentWithdrawn:
		return w.T("withdrawn")
	case rights.ConsentExpired:
		return w.T("ended by itself")
	}
	return state
}

// answerConsent takes a yes, which the person's own key has signed, or a no, which needs nothing.
func (p *Portal) answerConsent(r *http.Request) (view, error) {
	s, room, err := p.citizen(r, form)
	if err != nil {
		return view{}, err
	}
	f := r.PostForm
	name, person, err := p.named(r, s)
	if err != nil {
		return view{}, err
	}
	asks := room.Rules().Asks
	i, err := strconv.Atoi(f.Get("ask"))
	if err != nil || i < 0 || i >= len(asks) {
		return view{}, fmt.Errorf("%w: nobody asks this", tribune.ErrNotFound)
	}
	asked := rights.Asked{Person: person, Ask: asks[i], NameType: name.Type, Name: name.Name, Language: wordsOf(r).Tag}
	if _, ok, err := p.ask(wordsOf(r), room, person, name, asks[i]); err != nil || !ok {
		return view{}, fmt.Errorf("%w: this is not asked about such a name", tribune.ErrInvalid)
	}
	switch f.Get("answer") {
	case "no":
		_, err = room.Refuse(r.Context(), asked)
	case "yes":
		err = p.giveConsent(r, s, room, asked, name)
	default:
		err = fmt.Errorf("%w: answer yes or no", tribune.ErrInvalid)
	}
	if err != nil {
		return view{}, err
	}
	return view{}, redirect("/me/consents")
}

func (p *Portal) giveConsent(r *http.Request, s *web.Session, room *rights.Room, asked rights.Asked, name web.PersonName) error {
	f := r.PostForm
	signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(f.Get("signature")))
	if err != nil || len(signature) != ed25519.SignatureSize {
		return tribune.Hint(fmt.Errorf("%w: a yes is signed with your own key, and no signature came", tribune.ErrInvalid), "Turn scripts on, or sign with a tool of your own: the page says how. Without it nothing is permitted.")
	}
	caller, err := p.callerWith(r.Context(), s, f.Get("key"), name, tribune.Mandate{})
	if err != nil {
		return err
	}
	key, err := p.cfg.Citizens.Signer(caller.Actor)
	if err != nil {
		return err
	}
	_, err = room.Give(r.Context(), asked, key, []byte(f.Get("text")), signature)
	return err
}

func (p *Portal) withdrawConsent(r *http.Request) (view, error) {
	s, room, err := p.citizen(r, form)
	if err != nil {
		return view{}, err
	}
	if _, err := room.Withdraw(r.Context(), p.cfg.Citizens.Owner(s), r.PathValue("id")); err != nil {
		return view{}, err
	}
	return view{}, redirect("/me/consents")
}

// giveReceipt sends the receipt of a consent, as it stands now.
func (p *Portal) giveReceipt(w http.ResponseWriter, r *http.Request) error {
	s, err := session(r)
	if err != nil {
		return err
	}
	room, err := p.room()
	if err != nil {
		return err
	}
	c, err := room.Consent(p.cfg.Citizens.Owner(s), r.PathValue("id"))
	if err != nil {
		return err
	}
	receipt, err := room.Receipt(c, p.cfg.Law.Set(), p.base(r), p.cfg.City, p.cfg.Citizens.Sign)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(receipt, "", "  ")
	if err != nil {
		return fmt.Errorf("writing a receipt: %w", err)
	}
	attachment(w.Header(), "application/ld+json", "consent-"+fileName(c.ID)+".json")
	_, err = w.Write(data)
	return err
}
