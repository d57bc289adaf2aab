package policy

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cedar-policy/cedar-go"

	"tribune"
	"tribune/protocol"
)

// MaxEvidence bounds one document of evidence in bytes.
const MaxEvidence = 16 << 10

// Appointment says who holds an office: a document the council signs. The actor's name is personal; it never appears
// in a decision.
type Appointment struct {
	Actor       tribune.ActorID
	Office      tribune.OfficeID
	Key         ed25519.PublicKey  // the actor signs acts with it
	Subject     *tribune.Pseudonym // whose data alone it concerns: the actor's own; nil = as the law says
	From, Until time.Time          // Until is exclusive and never zero
	Issuer      string             // key name of who signed it
}

type mandateFile struct {
	ID          string   `toml:"id"`
	Purpose     string   `toml:"purpose"`
	Issuer      string   `toml:"issuer"`
	Basis       string   `toml:"basis"`
	Offices     []string `toml:"offices"`
	Classes     []string `toml:"classes"`
	MaxSubjects int      `toml:"max_subjects"`
	From        When     `toml:"from"`
	Until       When     `toml:"until"`
	Disclose    string   `toml:"disclose"`
	Extends     string   `toml:"extends"`
	Names       []string `toml:"names"`
}

type appointmentFile struct {
	Actor   string  `toml:"actor"`
	Office  string  `toml:"office"`
	Key     string  `toml:"key"`
	Subject *string `toml:"subject"`
	From    When    `toml:"from"`
	Until   When    `toml:"until"`
}

// MandateText reads the text of a mandate without looking at signatures.
func MandateText(file, text string) (tribune.Mandate, Problems) {
	var f mandateFile
	bad := decode(file, text, &f)
	if len(bad) > 0 {
		return tribune.Mandate{}, bad
	}
	checkID(&bad, file, keyLine(text, "id"), "mandate", f.ID, map[string]bool{})
	if f.Basis == "" || f.Issuer == "" {
		bad.add(file, 0, "name the law, contract, warrant or decision, and who issues the mandate", "mandate %s has no basis or no issuer", short(f.ID))
	}
	if f.Purpose == "" || len(f.Offices) == 0 {
		bad.add(file, 0, "add both", "mandate %s has no purpose or no offices", short(f.ID))
	}
	if len(f.Offices) > maxEntries || len(f.Classes) > maxEntries {
		bad.add(file, 0, "", "mandate %s lists more than %d offices or classes", short(f.ID), maxEntries)
	}
	if f.MaxSubjects < 0 || f.MaxSubjects > protocol.MaxTags {
		bad.add(file, keyLine(text, "max_subjects"), fmt.Sprintf("give 1 to %d", protocol.MaxTags), "mandate %s allows %d people in one act", short(f.ID), f.MaxSubjects)
	}
	checkSpan(&bad, file, text, "mandate "+short(f.ID), f.From, f.Until)
	m := tribune.Mandate{
		ID: tribune.MandateID(f.ID), Purpose: tribune.PurposeID(f.Purpose), Issuer: f.Issuer, Basis: f.Basis,
		MaxSubjects: max(f.MaxSubjects, 1), From: f.From.Start(), Until: f.Until.End(),
	}
	for _, o := range f.Offices {
		m.Offices = append(m.Offices, tribune.OfficeID(o))
	}
	for _, c := range f.Classes {
		m.Classes = append(m.Classes, tribune.ClassID(c))
	}
	f.warrant(&m, &bad, file, text)
	return m, bad
}

// AppointmentText reads the text of an appointment without looking at signatures.
func AppointmentText(file, text string) (Appointment, Problems) {
	var f appointmentFile
	bad := decode(file, text, &f)
	if len(bad) > 0 {
		return Appointment{}, bad
	}
	checkID(&bad, file, keyLine(text, "actor"), "actor", f.Actor, map[string]bool{})
	if !idShape.MatchString(f.Office) {
		bad.add(file, keyLine(text, "office"), "add the id of an office", "the appointment names no office")
	}
	key, err := base64.StdEncoding.Strict().DecodeString(f.Key)
	if err != nil || len(key) != ed25519.PublicKeySize {
		bad.add(file, keyLine(text, "key"), "give the raw Ed25519 public key, 32 bytes, in base64", "the appointment has no usable key")
	}
	checkSpan(&bad, file, text, "the appointment", f.From, f.Until)
	a := Appointment{
		Actor: tribune.ActorID(f.Actor), Office: tribune.OfficeID(f.Office), Key: key, From: f.From.Start(), Until: f.Until.End(),
	}
	if f.Subject != nil {
		a.Subject = new(tribune.Pseudonym)
		if err := a.Subject.UnmarshalText([]byte(*f.Subject)); err != nil {
			bad.add(file, keyLine(text, "subject"), "give the 32 hex digits of the person's pseudonym, or leave it out", "the appointment names no usable subject")
		}
	}
	return a, bad
}

func checkSpan(bad *Problems, file, text, what string, from, until When) {
	if !from.Set() || !until.Set() || !until.End().After(from.Start()) {
		bad.add(file, keyLine(text, "until"), "give from and until, from first; no power is without an end", "%s has no sound beginning and end", what)
	}
}

// OpenMandate reads a mandate signed by the pinned council. A Set knows further issuers: see Set.Mandate.
func OpenMandate(doc []byte, trust Trust) (tribune.Mandate, error) {
	text, _, err := openPinned(doc, trust)
	if err != nil {
		return tribune.Mandate{}, fmt.Errorf("opening mandate: %w", err)
	}
	m, bad := MandateText("mandate", text)
	if len(bad) == 0 && m.Issuer != keyName(trust.Council) {
		bad.add("mandate", 0, "", "%s", badIssuer)
	}
	return m, bad.err()
}

// OpenAppointment reads an appointment signed by the pinned council.
func OpenAppointment(doc []byte, trust Trust) (Appointment, error) {
	text, issuer, err := openPinned(doc, trust)
	if err != nil {
		return Appointment{}, fmt.Errorf("opening appointment: %w", err)
	}
	a, bad := AppointmentText("appointment", text)
	a.Issuer = issuer
	return a, bad.err()
}

func openPinned(doc []byte, trust Trust) (text, issuer string, err error) {
	if len(doc) > MaxEvidence {
		return "", "", fmt.Errorf("document of %d bytes, at most %d: %w", len(doc), MaxEvidence, tribune.ErrTooLarge)
	}
	council, err := pinned("council", trust.Council)
	if err != nil {
		return "", "", err
	}
	text, _, err = protocol.OpenSigned(doc, council)
	return text, council.Name, err
}

// Words for evidence that does not verify. They quote nothing unverified.
const (
	badMandate     = "the mandate cannot be read"
	badIssuer      = "the mandate's signature is not by an issuer this city knows"
	badAppointment = "the appointment cannot be read"
	badCouncil     = "the appointment's signature is not by the council"
)

// mandateEntry is what is known of one mandate document, once and for all: whether it is in force depends on the act.
type mandateEntry struct {
	mandate tribune.Mandate
	missing string          // why it does not count, "" = it verifies
	record  [2]cedar.Record // what policies see, by inForce
	offices map[tribune.OfficeID]bool
	classes map[tribune.ClassID]bool
}

type appointmentEntry struct {
	appointment Appointment
	missing     string
}

// Mandate opens a mandate document against the city's signers.
func (s *Set) Mandate(doc []byte) (tribune.Mandate, error) {
	e := s.mandate(doc)
	if e.missing != "" {
		return tribune.Mandate{}, fmt.Errorf("%w: %s", tribune.ErrInvalid, e.missing)
	}
	return e.mandate, nil
}

// Appointment opens an appointment document against the city's signers.
func (s *Set) Appointment(doc []byte) (Appointment, error) {
	e := s.appointment(doc)
	if e.missing != "" {
		return Appointment{}, fmt.Errorf("%w: %s", tribune.ErrInvalid, e.missing)
	}
	return e.appointment, nil
}

func (s *Set) mandate(doc []byte) *mandateEntry {
	if len(doc) > MaxEvidence {
		return &mandateEntry{missing: badMandate}
	}
	return s.mandates.get(sha256.Sum256(doc), func() *mandateEntry { return s.openMandate(doc) })
}

func (s *Set) appointment(doc []byte) *appointmentEntry {
	if len(doc) > MaxEvidence {
		return &appointmentEntry{missing: badAppointment}
	}
	return s.appointments.get(sha256.Sum256(doc), func() *appointmentEntry { return s.openAppointment(doc) })
}

func (s *Set) openMandate(doc []byte) *mandateEntry {
	claimed, _ := protocol.SplitDocument(doc)
	m, bad := MandateText("mandate", claimed)
	if len(bad) > 0 {
		return &mandateEntry{missing: badMandate}
	}
	issuer := s.signer(m.Issuer)
	if issuer == nil || !issuer.may(signsMandates) {
		return &mandateEntry{missing: badIssuer}
	}
	// The issuer alone is known here: a signature by anybody else, however valid, carries nothing.
	text, _, err := protocol.OpenSigned(doc, issuer.key)
	if err != nil || text != claimed {
		return &mandateEntry{missing: "the mandate's signature is not by its issuer " + issuer.Name}
	}
	if len(issuer.Purposes) > 0 && !slices.Contains(issuer.Purposes, m.Purpose) {
		return &mandateEntry{missing: issuer.Name + " may not issue mandates for this purpose"}
	}
	if m.Disclose != 0 && !issuer.may(signsWarrants) {
		return &mandateEntry{missing: issuer.Name + " may not issue warrants"}
	}
	e := &mandateEntry{mandate: m, offices: map[tribune.OfficeID]bool{}, classes: map[tribune.ClassID]bool{}}
	for _, o := range m.Offices {
		e.offices[o] = true
	}
	for _, c := range m.Classes {
		e.classes[c] = true
	}
	for i, inForce := range []bool{false, true} {
		e.record[i] = cedar.NewRecord(cedar.RecordMap{
			"id": cedar.String(m.ID), "purpose": cedar.String(m.Purpose), "issuer": cedar.String(m.Issuer),
			"offices": stringSet(m.Offices), "classes": stringSet(m.Classes),
			"maxSubjects": cedar.Long(m.MaxSubjects), "inForce": cedar.Boolean(inForce), "hidden": cedar.Boolean(m.Disclose != 0),
		})
	}
	return e
}

func (s *Set) openAppointment(doc []byte) *appointmentEntry {
	claimed, _ := protocol.SplitDocument(doc)
	a, bad := AppointmentText("appointment", claimed)
	if len(bad) > 0 {
		return &appointmentEntry{missing: badAppointment}
	}
	var council []protocol.DocumentKey
	for i := range s.signers {
		if s.signers[i].may(signsAppointments) {
			council = append(council, s.signers[i].key)
		}
	}
	text, names, err := protocol.OpenSigned(doc, council...)
	if err != nil || text != claimed {
		return &appointmentEntry{missing: badCouncil}
	}
	a.Issuer = names[0]
	return &appointmentEntry{appointment: a}
}

// maxCached bounds each of a cache's two generations.
const maxCached = 1024

// cached remembers results by the hash of what they follow from, so that it can never change an answer. When the young
// generation is full it becomes the old one, and the old one is forgotten.
type cached[T any] struct {
	mu         sync.RWMutex // guards both maps
	young, old map[tribune.Hash]T
}

func (c *cached[T]) get(key tribune.Hash, open func() T) T {
	c.mu.RLock()
	v, ok := c.young[key]
	c.mu.RUnlock()
	if ok {
		return v
	}
	c.mu.RLock()
	v, ok = c.old[key]
	c.mu.RUnlock()
	if !ok {
		v = open()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= maxCached || c.young == nil {
		c.old, c.young = c.young, make(map[tribune.Hash]T)
	}
	c.young[key] = v
	return v
}
