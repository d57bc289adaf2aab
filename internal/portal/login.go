package portal

import (
	"net/http"
	"strings"
)

// loginPage is what the page of logging in shows. It sets no cookie: the links and the passkey button do, once pressed.
type loginPage struct {
	Providers   []Sign
	Return      string // a path of ours
	Problem     string // in words, "" = none
	Done        string // in words, "" = nothing
	LogoutAt    string // a provider at which one can log out, too
	PasskeysOff string
	Roles       []loginRole
}

// loginRole says what one can do once logged in.
type loginRole struct{ Title, Can string }

func (p *Portal) showLogin(r *http.Request) (view, error) {
	if err := offered(p.cfg.Login != nil, "logging in"); err != nil {
		return view{}, err
	}
	w, q := wordsOf(r), r.URL.Query()
	d := loginPage{
		Providers: p.cfg.Login.Providers(), Return: localPath(q.Get("return")), PasskeysOff: p.cfg.Login.PasskeysOff(), Roles: loginRoles(w),
	}
	if code := q.Get("problem"); code != "" {
		d.Problem = loginProblem(w, code)
	}
	if q.Get("done") == "logged-out" {
		d.Done = w.T("You are logged out.")
		for _, s := range d.Providers {
			if s.ID == q.Get("provider") {
				d.LogoutAt = s.ID
			}
		}
	}
	return view{Name: "login", Title: w.T("Log in"), Data: d, Scripts: []string{"passkeys"}}, nil
}

// localPath is a path of ours to go on to, "/me" where what was sent is none: a link to somebody else's site must not pass
// through our login page.
func localPath(s string) string {
	if len(s) > 2048 || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\r\n\t\x00") {
		return "/me"
	}
	return s
}

// loginProblem is the login room's closed list of problems, in words.
func loginProblem(w *words, code string) string {
	switch code {
	case "cancelled":
		return w.T("You, or the provider, ended the login before it was done. Nothing has changed.")
	case "failed":
		return w.T("What the provider sent back could not be verified, so you are not logged in. Try again; if it stays, tell the city.")
	case "expired":
		return w.T("The login took longer than ten minutes, or began in another browser. Start again here.")
	case "unreachable":
		return w.T("This provider does not answer. Try again in a minute, or choose another one.")
	case "busy":
		return w.T("There were too many tries. Wait a few minutes, then try again.")
	case "passkey":
		return w.T("The passkey was not accepted. Try again, or log in with a provider.")
	case "renew":
		return w.T("Your passkey is good, but your provider has not confirmed you for 30 days. Log in with the provider once; then the passkey works again.")
	case "again":
		return w.T("To add a passkey you must have logged in during the last 15 minutes. Log in once more.")
	case "many":
		return w.T("You have as many passkeys as one person may have. Remove one first.")
	case "off":
		return w.T("Passkeys cannot be used here.")
	case "session":
		return w.T("Your session has ended. Log in again.")
	case "csrf":
		return w.T("The form did not come from our own page, so nothing was done. Open the page again and send it from there.")
	}
	return w.T("Logging in did not work. Try again.")
}

func loginRoles(w *words) []loginRole {
	return []loginRole{
		{w.T("Citizen"), w.T("See what is held about you and who used it, check it, and take a copy of everything.")},
		{w.T("Officer"), w.T("Ask for personal data that an office may see. Each question is signed with your own key and stands on the public record.")},
		{w.T("Steward"), w.T("Look after the registers and the law of the platform. What takes force is signed elsewhere, never here.")},
		{w.T("Auditor, journalist"), w.T("Everything on the record and in the registers. It is open to all; no login is needed.")},
	}
}
