package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"tribune/protocol"
)

// Folders beside the set: evidence, not law.
const (
	DirMandates     = "mandates"
	DirAppointments = "appointments"
)

// evidence reads the documents of a folder beside the set.
func (c *checker) evidence(folder string, each func(name string, doc []byte)) {
	entries, err := os.ReadDir(filepath.Join(c.dir, folder))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		c.say(LevelError, folder, 0, "", "cannot be read: %v", err)
		return
	}
	for _, e := range entries {
		name := path.Join(folder, e.Name())
		if path.Ext(name) != ".toml" {
			continue
		}
		doc, err := readBounded(filepath.Join(c.dir, folder, e.Name()))
		if err != nil || len(doc) > MaxEvidence {
			c.say(LevelError, name, 0, fmt.Sprintf("keep it under %d bytes", MaxEvidence), "cannot be read")
			continue
		}
		each(name, doc)
	}
}

func (c *checker) mandateText(name string, doc []byte) {
	text, _ := protocol.SplitDocument(doc)
	_, bad := MandateText(name, text)
	c.findings = append(c.findings, bad...)
}

func (c *checker) appointmentText(name string, doc []byte) {
	text, _ := protocol.SplitDocument(doc)
	_, bad := AppointmentText(name, text)
	c.findings = append(c.findings, bad...)
}

func (c *checker) mandate(name string, doc []byte) {
	text, sigs := protocol.SplitDocument(doc)
	m, bad := MandateText(name, text)
	if len(bad) > 0 {
		c.findings = append(c.findings, bad...)
		return
	}
	c.say(LevelNote, name, 0, "", "mandate %s lets %s use %s for %s, at most %d people in one act, until it ends %s. Its basis: %s", m.ID, join(m.Offices), orNothing(join(m.Classes)), m.Purpose, m.MaxSubjects, ended(m.Until), m.Basis)
	if want := string(m.ID) + ".toml"; path.Base(name) != want {
		c.say(LevelError, name, 0, "rename it to "+want, "the file is not named like its mandate")
	}
	if m.Disclose != 0 && len(m.Names) == 0 {
		c.say(LevelError, name, keyLine(text, "disclose"), "let the court write one that does: tribune investigate issue", "the warrant does not name whom it is about, and permits nothing")
	}
	if sigs == "" {
		c.say(LevelError, name, 0, "let "+short(m.Issuer)+" sign it", "it is not signed")
	} else if e := c.set.mandate(doc); e.missing != "" {
		c.say(LevelError, name, 0, "let "+short(m.Issuer)+" sign it", "%s", e.missing)
	}
	if _, ok := c.set.purposes[m.Purpose]; !ok {
		c.say(LevelError, name, keyLine(text, "purpose"), "correct it, or add the purpose to purposes.toml", "mandate %s is for purpose %q, which is not in the register", m.ID, short(string(m.Purpose)))
	}
	for _, o := range m.Offices {
		if c.set.officeByID[o] == nil {
			c.say(LevelError, name, keyLine(text, "offices"), "correct it, or add the office to offices.toml", "mandate %s is for office %q, which is not in the register", m.ID, short(string(o)))
		}
	}
	for _, id := range m.Classes {
		if _, ok := c.set.Class(id); !ok {
			c.say(LevelError, name, keyLine(text, "classes"), "correct it, or add the class to classes.toml", "mandate %s covers class %q, which is not in the register", m.ID, short(string(id)))
		}
	}
	c.end(name, keyLine(text, "until"), "mandate "+string(m.ID), m.Until)
	if e := c.set.mandate(doc); e.missing == "" && !c.now.Before(m.From) && c.now.Before(m.Until) {
		for _, o := range m.Offices {
			c.mandated[o] = append(c.mandated[o], m)
		}
	}
}

func (c *checker) appointment(name string, doc []byte) {
	text, sigs := protocol.SplitDocument(doc)
	a, bad := AppointmentText(name, text)
	if len(bad) > 0 {
		c.findings = append(c.findings, bad...)
		return
	}
	c.say(LevelNote, name, 0, "", "%s holds office %s until it ends %s", a.Actor, a.Office, ended(a.Until))
	if want := string(a.Actor) + ".toml"; path.Base(name) != want {
		c.say(LevelError, name, 0, "rename it to "+want, "the file is not named like its actor")
	}
	if sigs == "" {
		c.say(LevelError, name, 0, "let the council sign it", "it is not signed")
	} else if e := c.set.appointment(doc); e.missing != "" {
		c.say(LevelError, name, 0, "let the council sign it", "%s", e.missing)
	}
	if c.set.officeByID[a.Office] == nil {
		c.say(LevelError, name, keyLine(text, "office"), "correct it, or add the office to offices.toml", "the office %q is not in the register", short(string(a.Office)))
	}
	c.end(name, keyLine(text, "until"), "the appointment", a.Until)
}
