package login

import (
	"net/url"
	"strings"
)

const maxReturn = 512 // bytes; the longest path of ours with a query is under 300

// localPath is where to go after a login: a path on this host, or "/". Browsers read a backslash as a slash, drop tabs and
// line ends, and take //host for another host, so all of these are out; so are the login's own paths, which would go round
// in circles.
func localPath(s string) string {
	// Slashes are counted before parsing: "///evil" has no host for a parser, and for a browser it has.
	if len(s) > maxReturn || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsRune(s, '\\') {
		return "/"
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return "/"
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Opaque != "" || u.Host != "" || u.User != nil || u.Fragment != "" {
		return "/"
	}
	// The decoded path counts too: a proxy between might decode it before it answers.
	if strings.Contains(u.Path, "//") || strings.Contains(u.Path, `\`) || strings.Contains(u.Path, "/../") || strings.HasSuffix(u.Path, "/..") {
		return "/"
	}
	if u.Path == "/logout" || strings.HasPrefix(u.Path, "/logout/") || strings.HasPrefix(u.Path, "/login/") {
		return "/"
	}
	return s
}
