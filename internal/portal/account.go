package portal

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/web"
)

// accountPage shows a person what this city knows of their session, and the keys they act with.
type accountPage struct {
	Done, Problem string // in words
	Role, Office  string
	Powers        []string
	Names         []accountName
	Method        string
	Passkeys      []Passkey
	PasskeysOff   string
	CanKey        bool   // whether this session may have keys that sign
	KeyOffice     string // in which office
	Keys          []accountKey
	AtOnce        bool
}

type accountName struct{ Type, Name string }

// accountKey is one key of one browser. It acts under a name of its own for each of its holder's names; what is true of the
// last of them is true of the key.
type accountKey struct {
	Base64 string
	Says   string // where it stands, in words
	Usable bool
	Papers []tribune.ActorID // appointments that wait for the council, to hand over
	Leaves []uint64          // of appointments on record
}

func (p *Portal) showAccount(r *http.Request) (view, error) {
	s, err := session(r)
	if err != nil {
		return view{}, err
	}
	w, q := wordsOf(r), r.URL.Query()
	d := accountPage{Role: roleName(w, s.Role), Method: w.T("an account elsewhere (OpenID Connect)"), Done: accountDone(w, q.Get("done"))}
	if s.Method == "passkey" {
		d.Method = w.T("a passkey")
	}
	if code := q.Get("problem"); code != "" {
		d.Problem = loginProblem(w, code)
	}
	if o, ok := p.cfg.Law.Set().Office(s.Office); ok {
		d.Office, d.Powers = o.Title, o.Powers
	}
	for _, n := range s.Names[:min(len(s.Names), maxNames)] {
		d.Names = append(d.Names, accountName{nameType(w, n.Type), n.Name})
	}
	if p.cfg.Login != nil {
		d.PasskeysOff = p.cfg.Login.PasskeysOff()
	}
	if p.cfg.Passkeys != nil {
		if d.Passkeys, err = p.cfg.Passkeys(r.Context(), s); err != nil {
			return view{}, fmt.Errorf("listing passkeys: %w", err)
		}
	}
	if err := p.accountKeys(r, s, &d); err != nil {
		return view{}, err
	}
	return view{Name: "account", Title: w.T("Your account"), Data: d, Scripts: []string{"passkeys", "keys"}, Private: true}, nil
}

func (p *Portal) accountKeys(r *http.Request, s *web.Session, d *accountPage) error {
	if p.cfg.Keys == nil || officeOf(s) == "" {
		return nil
	}
	w := wordsOf(r)
	d.CanKey, d.AtOnce, d.KeyOffice = true, p.cfg.Keys.AtOnce(), p.naming(w).office(string(officeOf(s)))
	keys, err := p.cfg.Keys.List(r.Context(), s)
	if err != nil {
		return fmt.Errorf("listing browser keys: %w", err)
	}
	for _, k := range keys {
		i := slices.IndexFunc(d.Keys, func(o accountKey) bool { return o.Base64 == k.Base64() })
		if i < 0 {
			i = len(d.Keys)
			d.Keys = append(d.Keys, accountKey{Base64: k.Base64()})
		}
		one := &d.Keys[i]
		one.Usable, one.Says = k.usable(p.cfg.Now()), keyState(w, k, p.cfg.Now())
		if k.Paper != "" {
			one.Papers = append(one.Papers, k.Actor)
		}
		if k.State == keyOnRecord {
			one.Leaves = append(one.Leaves, k.Leaf)
		}
	}
	return nil
}

func keyState(w *words, k BrowserKey, now time.Time) string {
	switch {
	case k.usable(now):
		return w.T("It may sign until %s.", w.Date(k.Until))
	case k.State == keyRequested:
		return w.T("It waits for the council’s signature.")
	case k.State == keySigned:
		return w.T("The council has signed; its appointment goes on the public record in a moment.")
	}
	return w.T("It has ended and signs nothing any more.")
}

func accountDone(w *words, code string) string {
	switch code {
	case "session-ended":
		return w.T("The other sessions have ended.")
	case "passkey-deleted":
		return w.T("The passkey is removed.")
	case "passkey-added":
		return w.T("The passkey is added.")
	case "key-added":
		return w.T("The key is registered.")
	}
	return ""
}

func roleName(w *words, role string) string {
	switch role {
	case web.RoleCitizen:
		return w.T("Citizen")
	case web.RoleOfficer:
		return w.T("Officer")
	case web.RoleSteward:
		return w.T("Steward")
	case web.RoleAuditor:
		return w.T("Auditor")
	case web.RoleJournalist:
		return w.T("Journalist")
	}
	return role
}

// nameType is a kind of name, for people.
func nameType(w *words, t string) string {
	switch t {
	case "plate":
		return w.T("Number plate")
	case "entity":
		return w.T("Identifier")
	}
	return t
}

// keyAnswer is what a script is told of the key it has registered.
type keyAnswer struct {
	Office tribune.OfficeID `json:"office"`
	Key    string           `json:"key"`
	State  string           `json:"state"`
}

// addKey takes the public part of a key that a browser, or a person's own tool, has made.
func (p *Portal) addKey(w http.ResponseWriter, r *http.Request) error {
	s, err := form(r)
	if err != nil {
		return err
	}
	if err := offered(p.cfg.Keys != nil && officeOf(s) != "", "keys that sign"); err != nil {
		return err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(r.PostForm.Get("key")))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return tribune.Hint(fmt.Errorf("%w: this is not an Ed25519 public key", tribune.ErrInvalid), "Send its 32 bytes in base64.")
	}
	keys, err := p.cfg.Keys.Request(r.Context(), s, key)
	if err != nil {
		return fmt.Errorf("registering a key: %w", err)
	}
	if !wantsJSON(r) {
		return redirect("/account?done=key-added")
	}
	w.Header().Set("Content-Type", "application/json")
	answer := keyAnswer{Office: officeOf(s), Key: base64.StdEncoding.EncodeToString(key)}
	for _, k := range keys {
		if k.Base64() == answer.Key {
			answer.State = k.State
		}
	}
	return json.NewEncoder(w).Encode(answer)
}

// keyPaper is the appointment that waits for the council's signature, as a file to hand to it.
func (p *Portal) keyPaper(w http.ResponseWriter, r *http.Request) error {
	s, err := session(r)
	if err != nil {
		return err
	}
	if err := offered(p.cfg.Keys != nil, "keys that sign"); err != nil {
		return err
	}
	keys, err := p.cfg.Keys.List(r.Context(), s)
	if err != nil {
		return fmt.Errorf("listing browser keys: %w", err)
	}
	for _, k := range keys {
		if string(k.Actor) == r.PathValue("actor") && k.Paper != "" {
			attachment(w.Header(), "text/plain; charset=utf-8", "appointment-"+fileName(string(k.Actor))+".toml")
			_, err := w.Write([]byte(k.Paper))
			return err
		}
	}
	return fmt.Errorf("%w: no request of this session waits under this name", tribune.ErrNotFound)
}

// attachment is a download; name is one of ours.
func attachment(h http.Header, contentType, name string) {
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

// fileName keeps what every file system takes.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, s)
}
