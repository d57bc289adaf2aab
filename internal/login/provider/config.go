package provider

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"tribune"
)

// check refuses a configuration that could not work, or that would be unsafe.
func (c Config) check() error {
	issuer, err := webURL("Issuer", c.Issuer)
	if err != nil {
		return err
	}
	if issuer.Path != "" || issuer.RawQuery != "" {
		return fmt.Errorf("%w: Issuer %s is more than an origin", tribune.ErrInvalid, c.Issuer)
	}
	if _, err := webURL("Audience", c.Audience); err != nil {
		return err
	}
	if c.ClientID == "" || c.Dir == "" || c.NativeID == c.ClientID {
		return fmt.Errorf("%w: ClientID and Dir are required, and NativeID must be another", tribune.ErrInvalid)
	}
	if len(c.RedirectURIs) == 0 {
		return fmt.Errorf("%w: no redirect URI", tribune.ErrInvalid)
	}
	for _, uri := range c.RedirectURIs {
		if _, err := webURL("redirect URI", uri); err != nil {
			return err
		}
	}
	for _, uri := range c.LogoutURIs {
		if _, err := webURL("logout URI", uri); err != nil {
			return err
		}
	}
	return checkPeople(c.People)
}

func checkPeople(people []Person) error {
	if len(people) == 0 {
		return fmt.Errorf("%w: no person to log in as", tribune.ErrInvalid)
	}
	known, sentences := map[string]bool{}, english().Roles
	for _, p := range people {
		switch {
		case !isLogin(p.Login):
			return fmt.Errorf("%w: login %q is not 1 to 64 lower-case letters, digits and hyphens", tribune.ErrInvalid, p.Login)
		case known[p.Login]:
			return fmt.Errorf("%w: two people are %s", tribune.ErrConflict, p.Login)
		case p.Name == "":
			return fmt.Errorf("%w: %s has no name", tribune.ErrInvalid, p.Login)
		case sentences[p.Role] == "":
			return fmt.Errorf("%w: the page has no sentence for the role %q of %s", tribune.ErrInvalid, p.Role, p.Login)
		}
		known[p.Login] = true
		for _, n := range p.Names {
			if n.Type == "" || n.Name == "" {
				return fmt.Errorf("%w: a name of %s lacks its type or itself", tribune.ErrInvalid, p.Login)
			}
		}
	}
	return nil
}

func isLogin(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// webURL parses an absolute https URL, or an http one on loopback, where nobody can listen on the way.
func webURL(what, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.Contains(text, "#") {
		return nil, fmt.Errorf("%w: %s %q is not an absolute URL without user and fragment", tribune.ErrInvalid, what, text)
	}
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return u, nil
	}
	return nil, tribune.Hint(fmt.Errorf("%w: %s %s is neither https nor on loopback", tribune.ErrInvalid, what, text),
		"Use https, or http on localhost.")
}

func isLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }
