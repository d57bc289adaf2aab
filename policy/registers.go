package policy

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/protocol"
)

// Purpose is one entry of the register of purposes.
type Purpose struct {
	ID          tribune.PurposeID
	Title       string
	Description string       // in words for citizens
	DPV         tribune.Name // the W3C Data Privacy Vocabulary's term for it
	Practices   []tribune.Name
	Hidden      bool // a court's warrant may keep uses for it from their subjects, for a time
	Line        int  // in purposes.toml; 0 = unknown
}

// Office is one entry of the register of offices.
type Office struct {
	ID     tribune.OfficeID
	Title  string
	Powers []string  // in words
	Until  time.Time // exclusive
	Limits Limits
	Line   int
}

// ClassEntry is one entry of the register of classes: the class and what policies see of it besides.
type ClassEntry struct {
	tribune.Class
	Categories []tribune.Name // W3C DPV personal data categories
	Line       int
}

// dpvTerms are the namespaces whose terms a purpose, practice or category may use.
const dpvTerms = "https://w3id.org/dpv"

var (
	idShape    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	cityShape  = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,127}$`)
	idtypeName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
)

// Bounds of registers.
const (
	maxEntries = 1024
	maxNames   = 4096
)

type cityFile struct {
	Name   string `toml:"name"`
	Signer []struct {
		Name     string   `toml:"name"` // of a certificate's holder
		Key      string   `toml:"key"`  // one of these three
		JWK      string   `toml:"jwk"`
		Cert     string   `toml:"certificate"`
		Signs    []string `toml:"signs"`
		Purposes []string `toml:"purposes"`
	} `toml:"signer"`
}

func readCity(text string) (name string, signers []Signer, bad Problems) {
	var f cityFile
	if bad = decode(FileCity, text, &f); len(bad) > 0 {
		return "", nil, bad
	}
	if !cityShape.MatchString(f.Name) {
		bad.add(FileCity, keyLine(text, "name"), `write the city's domain name, like name = "city.example"`, "the city has no usable name")
	}
	lines := tableLines(text, "signer")
	for i, e := range f.Signer {
		line := lineAt(lines, i)
		key, err := signerKey(e.Name, e.Key, e.JWK, e.Cert)
		if err != nil {
			bad.add(FileCity, line, `give one of key = "name+hash+base64", jwk = '{"kid": "name", ...}', or certificate = """PEM""" with a name`, "signer %d has no usable key", i+1)
			continue
		}
		s := Signer{Name: key.Name, Key: key.Text, Signs: e.Signs, key: key}
		for _, p := range e.Purposes {
			s.Purposes = append(s.Purposes, tribune.PurposeID(p))
		}
		if len(e.Signs) == 0 {
			bad.add(FileCity, line, "list at least one of "+strings.Join(everySigns, ", "), "signer %s may sign nothing", short(s.Name))
		}
		for _, what := range e.Signs {
			if !slices.Contains(everySigns, what) {
				bad.add(FileCity, line, "use "+strings.Join(everySigns, ", "), "signer %s signs %q, which does not exist", short(s.Name), short(what))
			}
		}
		if slices.ContainsFunc(signers, func(o Signer) bool { return o.Name == s.Name }) {
			bad.add(FileCity, line, "keep one key a name", "signer %s is listed twice", short(s.Name))
		}
		signers = append(signers, s)
	}
	if len(f.Signer) > maxEntries {
		bad.add(FileCity, 0, "", "%d signers, at most %d", len(f.Signer), maxEntries)
	}
	return f.Name, signers, bad
}

// signerKey reads the one key that a signer's entry gives.
func signerKey(name, key, jwk, cert string) (protocol.DocumentKey, error) {
	switch {
	case key != "" && jwk == "" && cert == "" && name == "" && !strings.HasPrefix(key, "{"):
		return protocol.ParseDocumentKey(key)
	case jwk != "" && key == "" && cert == "" && name == "":
		return protocol.ParseJWK(jwk)
	case cert != "" && key == "" && jwk == "":
		return protocol.ParseCertificate(name, cert)
	}
	return protocol.DocumentKey{}, tribune.ErrInvalid
}

type purposesFile struct {
	Prefix  map[string]string `toml:"prefix"`
	Purpose []struct {
		ID          string   `toml:"id"`
		Title       string   `toml:"title"`
		Description string   `toml:"description"`
		DPV         string   `toml:"dpv"`
		Practices   []string `toml:"practices"`
		Hidden      bool     `toml:"hidden"`
	} `toml:"purpose"`
}

func readPurposes(text string) (list []Purpose, bad Problems) {
	var f purposesFile
	if bad = decode(FilePurposes, text, &f); len(bad) > 0 {
		return nil, bad
	}
	names := prefixes{file: FilePurposes, text: text, table: f.Prefix, bad: &bad}
	lines := tableLines(text, "purpose")
	seen := map[string]bool{}
	for i, e := range f.Purpose {
		line := lineAt(lines, i)
		checkID(&bad, FilePurposes, line, "purpose", e.ID, seen)
		if e.Title == "" || e.Description == "" {
			bad.add(FilePurposes, line, "say in plain words what it is for", "purpose %s has no title or no description", short(e.ID))
		}
		p := Purpose{ID: tribune.PurposeID(e.ID), Title: e.Title, Description: e.Description, Hidden: e.Hidden, Line: line}
		if e.DPV == "" {
			bad.add(FilePurposes, line, `add the closest term of https://w3id.org/dpv, like dpv = "dpv:RecordManagement"`, "purpose %s has no DPV term", short(e.ID))
		} else if p.DPV = names.expand(line, e.DPV); p.DPV != "" && !strings.HasPrefix(string(p.DPV), dpvTerms+"#") {
			bad.add(FilePurposes, line, "use a term of https://w3id.org/dpv#", "the term of purpose %s is not one of the W3C Data Privacy Vocabulary", short(e.ID))
		}
		p.Practices = names.expandAll(line, e.Practices)
		list = append(list, p)
	}
	if len(list) > maxEntries {
		bad.add(FilePurposes, 0, "", "%d purposes, at most %d", len(list), maxEntries)
	}
	return list, bad
}

type officesFile struct {
	Office []struct {
		ID              string   `toml:"id"`
		Title           string   `toml:"title"`
		Powers          []string `toml:"powers"`
		Until           When     `toml:"until"`
		ActsPerHour     int64    `toml:"acts_per_hour"`
		SubjectsPerHour int64    `toml:"subjects_per_hour"`
	} `toml:"office"`
}

// maxHourly keeps a cap far from the end of any integer.
const maxHourly = 1 << 40

func readOffices(text string) (list []Office, bad Problems) {
	var f officesFile
	if bad = decode(FileOffices, text, &f); len(bad) > 0 {
		return nil, bad
	}
	lines := tableLines(text, "office")
	seen := map[string]bool{}
	for i, e := range f.Office {
		line := lineAt(lines, i)
		checkID(&bad, FileOffices, line, "office", e.ID, seen)
		if e.Title == "" || len(e.Powers) == 0 {
			bad.add(FileOffices, line, "say in plain words what it may do", "office %s has no title or no powers", short(e.ID))
		}
		if !e.Until.Set() {
			bad.add(FileOffices, line, "add until = 2027-12-31; no power is without an end", "office %s has no end", short(e.ID))
		}
		if e.ActsPerHour < 0 || e.ActsPerHour > maxHourly || e.SubjectsPerHour < 0 || e.SubjectsPerHour > maxHourly {
			bad.add(FileOffices, line, "give whole numbers from 0", "the hourly limits of office %s are out of range", short(e.ID))
		}
		list = append(list, Office{
			ID: tribune.OfficeID(e.ID), Title: e.Title, Powers: e.Powers, Until: e.Until.End(), Line: line,
			Limits: Limits{Acts: e.ActsPerHour, Subjects: e.SubjectsPerHour},
		})
	}
	if len(list) > maxEntries {
		bad.add(FileOffices, 0, "", "%d offices, at most %d", len(list), maxEntries)
	}
	return list, bad
}

func checkID(bad *Problems, file string, line int, what, id string, seen map[string]bool) {
	if !idShape.MatchString(id) {
		bad.add(file, line, "use lower-case letters, digits and -, at most 64", "%s id %q cannot be used", what, short(id))
	}
	if seen[id] {
		bad.add(file, line, "give each its own id", "%s %s is there twice", what, short(id))
	}
	seen[id] = true
}

// prefixes expands compact IRIs ("core:location") by a file's own [prefix] table, as in JSON-LD.
type prefixes struct {
	file, text string
	table      map[string]string
	bad        *Problems
}

// expand returns the full IRI, or "" after adding a problem.
func (p prefixes) expand(line int, s string) tribune.Name {
	head, tail, ok := strings.Cut(s, ":")
	if base, known := p.table[head]; ok && known {
		s = base + tail
	} else if !strings.Contains(s, "://") {
		p.bad.add(p.file, line, "write the full IRI, or declare the prefix under [prefix]", "%q is not an IRI and its prefix is not declared", short(s))
		return ""
	}
	if tail == "" || len(s) > 1024 || strings.ContainsAny(s, " \t\r\n\"<>\\^`{|}") {
		p.bad.add(p.file, line, "write the full IRI without spaces", "%q is not an IRI", short(s))
		return ""
	}
	return tribune.Name(s)
}

func (p prefixes) expandAll(line int, list []string) []tribune.Name {
	if len(list) > maxNames {
		p.bad.add(p.file, line, "", "%d names in one list, at most %d", len(list), maxNames)
		return nil
	}
	var out []tribune.Name
	for _, s := range list {
		if n := p.expand(line, s); n != "" {
			if slices.Contains(out, n) {
				p.bad.add(p.file, line, "keep one", "%q is listed twice", short(s))
				continue
			}
			out = append(out, n)
		}
	}
	return out
}
