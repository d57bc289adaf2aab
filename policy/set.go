package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tribune"
	"tribune/protocol"
)

// Set is the law of a city, loaded and verified. It never changes; its cache of verified evidence has no influence on
// any answer. Safe for concurrent use.
type Set struct {
	hash  tribune.Hash
	files map[string][]byte
	city  string

	signers      []Signer
	classes      []ClassEntry // in the order of the file
	classByID    map[tribune.ClassID]*ClassEntry
	index        classIndex
	named        map[tribune.Name]bool // attributes that personal classes list by name, for whatever type
	unclassified tribune.Class
	purposes     map[tribune.PurposeID]*purposeFacts
	purposeList  []Purpose
	models       []Model       // in the order of the file
	noPurpose    *purposeFacts // of an act that publishes and names none
	offices      []Office
	officeByID   map[tribune.OfficeID]*Office
	rules        rules
	ruleByID     map[string]*Rule
	facts        map[tribune.ClassID]*classFacts

	mandates     cached[*mandateEntry]
	appointments cached[*appointmentEntry]
	verdicts     cached[*verdictEntry]
}

var _ tribune.Policy = (*Set)(nil)

// Load reads a set and verifies every file against trust. The error lists what to mend, by file and line; it is a
// Problems and matches tribune.ErrInvalid.
func Load(files map[string][]byte, trust Trust) (*Set, error) {
	steward, err := pinned("steward", trust.Steward)
	if err != nil {
		return nil, fmt.Errorf("loading the law: %w", err)
	}
	texts, bad := openFiles(files, steward)
	if err := bad.err(); err != nil {
		return nil, fmt.Errorf("loading the law: %w", err)
	}
	s, bad := build(files, texts)
	if len(bad) == 0 {
		bad = s.checkTrust(trust)
	}
	if err := bad.err(); err != nil {
		return nil, fmt.Errorf("loading the law: %w", err)
	}
	return s, nil
}

// openFiles checks names, sizes and the steward's signatures.
func openFiles(files map[string][]byte, steward protocol.DocumentKey) (map[string]string, Problems) {
	texts, bad := map[string]string{}, checkNames(files)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text, _, err := protocol.OpenSigned(files[name], steward)
		if err != nil {
			bad.add(name, 0, "let "+steward.Name+" sign it", "%s", unsigned(files[name], "the signature of "+steward.Name+" does not fit"))
			continue
		}
		texts[name] = text
	}
	return texts, bad
}

// unsigned says why a document has no signature that counts: what it lacks as a document, or else what does not fit.
func unsigned(doc []byte, misfit string) string {
	if err := protocol.ExplainDocument(doc); err != nil {
		return strings.TrimPrefix(err.Error(), tribune.ErrInvalid.Error()+": ")
	}
	if _, sigs := protocol.SplitDocument(doc); sigs == "" {
		return "it is not signed"
	}
	return misfit
}

func checkNames(files map[string][]byte) (bad Problems) {
	total := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		total += len(files[name])
		if !slices.Contains(fixedFiles, name) && name != FileModels && !policyFile.MatchString(name) {
			bad.add(short(name), 0, "policies go to policies/NAME.cedar, in lower case", "this file is not part of a policy set")
		}
	}
	for _, name := range fixedFiles {
		if _, ok := files[name]; !ok {
			bad.add(name, 0, "add it", "it is missing")
		}
	}
	if total > MaxBytes || len(files) > MaxFiles {
		bad.add("", 0, "", "the set has %d files and %d bytes, at most %d and %d", len(files), total, MaxFiles, MaxBytes)
	}
	return bad
}

// build reads the texts, whoever signed them.
func build(files map[string][]byte, texts map[string]string) (*Set, Problems) {
	s := &Set{
		hash: HashFiles(files), files: cloneFiles(files), unclassified: unclassified(), noPurpose: newPurposeFacts(Purpose{}),
		classByID: map[tribune.ClassID]*ClassEntry{}, purposes: map[tribune.PurposeID]*purposeFacts{},
		officeByID: map[tribune.OfficeID]*Office{}, ruleByID: map[string]*Rule{}, facts: map[tribune.ClassID]*classFacts{},
	}
	var all, bad Problems
	s.city, s.signers, bad = readCity(texts[FileCity])
	all = append(all, bad...)
	s.classes, bad = readClasses(texts[FileClasses])
	all = append(all, bad...)
	s.index, bad = indexClasses(s.classes)
	s.named = namedPersonal(s.classes)
	all = append(all, bad...)
	s.purposeList, bad = readPurposes(texts[FilePurposes])
	all = append(all, bad...)
	s.offices, bad = readOffices(texts[FileOffices])
	all = append(all, bad...)
	s.models, bad = readModels(texts[FileModels])
	all = append(all, bad...)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if strings.HasSuffix(name, ".cedar") {
			list, bad := readRules(name, texts[name])
			s.rules = append(s.rules, list...)
			all = append(all, bad...)
		}
	}
	for i := range s.classes {
		c := &s.classes[i]
		s.classByID[c.ID] = c
		s.facts[c.ID] = newClassFacts(*c)
	}
	s.facts[tribune.ClassUnclassified] = newClassFacts(ClassEntry{Class: s.unclassified})
	for _, p := range s.purposeList {
		s.purposes[p.ID] = newPurposeFacts(p)
	}
	for i := range s.offices {
		s.officeByID[s.offices[i].ID] = &s.offices[i]
	}
	for _, r := range s.rules {
		s.ruleByID[r.ID] = r
	}
	if len(all) == 0 { // the schema needs registers that make sense
		all = append(all, s.checkRules()...)
		all = append(all, s.checkSigners()...)
		all = append(all, s.checkLookUps()...)
		all = append(all, s.checkVital()...)
		all = append(all, s.checkModels()...)
	}
	return s, all
}

func (s *Set) checkSigners() (bad Problems) {
	line := keyLine(string(s.files[FileCity]), "purposes")
	for _, g := range s.signers {
		for _, p := range g.Purposes {
			if _, ok := s.purposes[p]; !ok {
				bad.add(FileCity, line, "correct it, or add the purpose to purposes.toml", "signer %s issues mandates for purpose %q, which is not in the register", short(g.Name), short(string(p)))
			}
		}
	}
	return bad
}

// checkTrust holds the set against what is pinned outside of it.
func (s *Set) checkTrust(trust Trust) (bad Problems) {
	if g := s.signer(keyName(trust.Steward)); !g.isPinned(trust.Steward) || !g.may(signsRegisters) {
		bad.add(FileCity, 0, "list the pinned key with signs = [\"registers\"]", "the steward's pinned key is not among the signers of registers")
	}
	if trust.Council != "" {
		if g := s.signer(keyName(trust.Council)); !g.isPinned(trust.Council) || !g.may(signsAppointments) {
			bad.add(FileCity, 0, "list the pinned key with signs = [\"appointments\"]", "the council's pinned key is not among the signers of appointments")
		}
		for _, g := range s.signers {
			if g.may(signsAppointments) && !g.isPinned(trust.Council) {
				bad.add(FileCity, 0, "remove appointments from its signs", "%s would sign appointments beside the pinned council", short(g.Name))
			}
		}
	}
	if trust.Floors != (tribune.Hash{}) && trust.Floors != FloorsHash(s.files) {
		bad.add(FileFloors, 0, "restore the text that was fixed at the ceremony", "it is not the floor that was fixed at the ceremony")
	}
	return bad
}

// keyName is the name of a pinned key's holder.
func keyName(text string) string {
	key, err := protocol.ParseDocumentKey(text)
	if err != nil {
		return ""
	}
	return key.Name
}

func (s *Set) signer(name string) *Signer {
	for i := range s.signers {
		if s.signers[i].Name == name {
			return &s.signers[i]
		}
	}
	return nil
}

// Hash names the set, see HashFiles.
func (s *Set) Hash() tribune.Hash { return s.hash }

// Files are the set's signed files by path. The bytes must not be written to.
func (s *Set) Files() map[string][]byte { return cloneFiles(s.files) }

// City is the city's name, as it stands in identities.
func (s *Set) City() string { return s.city }

// Class looks up a class by id; ClassUnclassified is always there.
func (s *Set) Class(id tribune.ClassID) (tribune.Class, bool) {
	if id == tribune.ClassUnclassified {
		return s.unclassified, true
	}
	if c := s.classByID[id]; c != nil {
		return c.Class, true
	}
	return tribune.Class{}, false
}

// Classes lists the register of classes in the order of its file, without ClassUnclassified.
func (s *Set) Classes() []ClassEntry { return slices.Clone(s.classes) }

// Purposes lists the register of purposes in the order of its file.
func (s *Set) Purposes() []Purpose { return slices.Clone(s.purposeList) }

// Purpose looks up a purpose.
func (s *Set) Purpose(id tribune.PurposeID) (Purpose, bool) {
	if p := s.purposes[id]; p != nil {
		return p.Purpose, true
	}
	return Purpose{}, false
}

// Offices lists the register of offices in the order of its file.
func (s *Set) Offices() []Office { return slices.Clone(s.offices) }

// Office looks up an office.
func (s *Set) Office(id tribune.OfficeID) (Office, bool) {
	if o := s.officeByID[id]; o != nil {
		return *o, true
	}
	return Office{}, false
}

// Limits are an office's hourly limits, for Caps. An unknown office may do nothing.
func (s *Set) Limits(id tribune.OfficeID) Limits {
	if o := s.officeByID[id]; o != nil {
		return o.Limits
	}
	return Limits{}
}

// Signers lists who may sign what.
func (s *Set) Signers() []Signer { return slices.Clone(s.signers) }

// Rules lists the policies, floors first.
func (s *Set) Rules() []*Rule { return slices.Clone(s.rules) }

// Because is what a policy gives as its reason, for citizens; "" where there is no such policy.
func (s *Set) Because(id string) string {
	if r := s.ruleByID[id]; r != nil {
		return r.Because
	}
	return ""
}
