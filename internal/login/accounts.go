package login

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/BurntSushi/toml"

	"tribune"
	"tribune/internal/web"
	"tribune/policy"
)

const (
	maxAccounts    = 10_000
	maxAccountFile = 4 << 20
)

// Accounts are the people whom the city lists. The zero value lists nobody.
type Accounts struct {
	by map[[2]string]Account
}

// Find is the account of a provider's subject, whether or not its time has passed. It fits Config.Accounts.
func (a Accounts) Find(issuer, subject string) (Account, bool) {
	account, ok := a.by[[2]string{issuer, subject}]
	return account, ok
}

// Len is how many people are listed.
func (a Accounts) Len() int { return len(a.by) }

type accountsTOML struct {
	Account []struct {
		Issuer  string      `toml:"issuer"`
		Subject string      `toml:"subject"`
		Role    string      `toml:"role"`
		Actor   string      `toml:"actor"`
		Office  string      `toml:"office"`
		Until   policy.When `toml:"until"`
	} `toml:"account"`
}

var idShape = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// ReadAccounts reads accounts.toml, TOML 1.0:
//
//	[[account]]
//	issuer = "https://id.city.example"   # exactly as the provider writes it
//	subject = "248289761001"             # the claim sub there
//	role = "officer"                     # officer, steward, auditor or journalist; whoever is not listed is a citizen
//	actor = "inspector-ward"             # of an officer, with office; others may have both or neither
//	office = "parking-inspector"
//	until = 2027-12-31                   # that day is the last, in UTC; or a time with its zone. Never left out
//
// Nothing else may stand in it, and nobody twice. A file that is not there lists nobody.
func ReadAccounts(file string) (Accounts, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Accounts{}, nil
	}
	if err != nil {
		return Accounts{}, fmt.Errorf("reading accounts: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxAccountFile+1))
	if err == nil && len(text) > maxAccountFile {
		err = fmt.Errorf("%w: over %d bytes", tribune.ErrTooLarge, maxAccountFile)
	}
	var list Accounts
	if err == nil {
		list, err = parseAccounts(string(text))
	}
	if err != nil {
		return Accounts{}, tribune.Hint(fmt.Errorf("reading %s: %w", filepath.Base(file), err), "Each [[account]] has issuer, subject, role and until = 2027-12-31; an officer has actor and office too.")
	}
	return list, nil
}

func parseAccounts(text string) (Accounts, error) {
	var f accountsTOML
	md, err := toml.Decode(text, &f)
	if err != nil {
		return Accounts{}, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	if extra := md.Undecoded(); len(extra) > 0 {
		return Accounts{}, fmt.Errorf("%w: the key %q means nothing here", tribune.ErrInvalid, extra[0].String())
	}
	if len(f.Account) > maxAccounts {
		return Accounts{}, fmt.Errorf("%w: %d accounts, at most %d", tribune.ErrTooLarge, len(f.Account), maxAccounts)
	}
	out := Accounts{by: make(map[[2]string]Account, len(f.Account))}
	for i, e := range f.Account {
		issuer, err := url.Parse(e.Issuer)
		at := [2]string{e.Issuer, e.Subject}
		var wrong string
		switch {
		case err != nil || !trustworthy(issuer, issuer):
			wrong = "an issuer that can be one"
		case e.Subject == "" || len(e.Subject) > maxSubject:
			wrong = "a subject"
		case !slices.Contains([]string{web.RoleOfficer, web.RoleSteward, web.RoleAuditor, web.RoleJournalist}, e.Role):
			wrong = "a role to list"
		case (e.Actor == "") != (e.Office == "") || e.Role == web.RoleOfficer && e.Actor == "":
			wrong = "actor and office together"
		case e.Actor != "" && (!idShape.MatchString(e.Actor) || !idShape.MatchString(e.Office)):
			wrong = "an actor and office of small letters, digits and hyphens"
		case !e.Until.Set():
			wrong = "an end"
		}
		if wrong != "" {
			return Accounts{}, fmt.Errorf("%w: account %d lacks %s", tribune.ErrInvalid, i+1, wrong)
		}
		if _, twice := out.by[at]; twice {
			return Accounts{}, fmt.Errorf("%w: account %d is there twice", tribune.ErrInvalid, i+1)
		}
		out.by[at] = Account{Role: e.Role, Actor: tribune.ActorID(e.Actor), Office: tribune.OfficeID(e.Office), Until: e.Until.End()}
	}
	return out, nil
}
