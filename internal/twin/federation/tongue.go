package federation

import "strings"

// q rewrites the names in a q expression (clause 4.9) that has been read before: paths of names stand where a term begins, and end
// at an operator, at a member path or at the end of the term. ok is false where the other context has no words for it: an IRI takes no
// path behind it.
func (t *tongue) q(text string) (_ string, ok bool) {
	if t.same() {
		return text, true
	}
	ok = true
	var b strings.Builder
	for i := 0; i < len(text); {
		if strings.IndexByte(";|() ", text[i]) >= 0 {
			b.WriteByte(text[i])
			i++
			continue
		}
		end := i + strings.IndexAny(text[i:]+";", "=!<>~;|()[{")
		path, can := t.path(text[i:end])
		b.WriteString(path)
		ok = ok && can
		i = end
		end = termEnd(text, i)
		b.WriteString(text[i:end])
		i = end
	}
	return b.String(), ok
}

// path rewrites names with dots between them; dots of an IRI are its own.
func (t *tongue) path(s string) (_ string, ok bool) {
	if strings.Contains(s, "://") || strings.HasPrefix(s, "urn:") {
		return t.word(s), true
	}
	ok = true
	parts := strings.Split(s, ".")
	for i, p := range parts {
		switch p {
		case "observedAt", "createdAt", "modifiedAt", "unitCode", "datasetId", "":
		default:
			parts[i] = t.word(p)
			ok = ok && (len(parts) == 1 || !strings.ContainsAny(parts[i], ":."))
		}
	}
	return strings.Join(parts, "."), ok
}

// termEnd is where the term ends in whose operator or value i stands: at ";", "|" or ")" outside strings and brackets.
func termEnd(text string, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '(', '[', '{':
			depth++
		case ']', '}':
			depth--
		case ')':
			if depth == 0 {
				return i
			}
			depth--
		case ';', '|':
			if depth == 0 {
				return i
			}
		}
	}
	return min(i, len(text))
}
