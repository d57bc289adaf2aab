package policy

import (
	"github.com/cedar-policy/cedar-go"

	"tribune"
)

// What policies see of registers is built once, at load: a decision then costs no more than its own facts.

// purposeFacts is a purpose as policies see it.
type purposeFacts struct {
	Purpose
	dpv       cedar.String
	practices cedar.Set
}

func newPurposeFacts(p Purpose) *purposeFacts {
	return &purposeFacts{Purpose: p, dpv: cedar.String(p.DPV), practices: stringSet(p.Practices)}
}

// classFacts is a class as policies see it.
type classFacts struct {
	class      tribune.Class
	any        bool // covers attributes that are not listed
	listed     map[tribune.Name]bool
	all        cedar.Set // every attribute: what a reading without attributes asks for
	categories cedar.Set
}

func newClassFacts(c ClassEntry) *classFacts {
	f := &classFacts{class: c.Class, listed: map[tribune.Name]bool{}, all: stringSet(c.Attrs), categories: stringSet(c.Categories)}
	for _, a := range c.Attrs {
		f.listed[a] = true
	}
	if c.ID == tribune.ClassUnclassified {
		f.all = stringSet([]tribune.Name{everyAttr})
	}
	f.any = f.listed[everyAttr] || c.ID == tribune.ClassUnclassified
	return f
}

// outside counts the attributes that the class does not cover. They are not named: a caller chose their names.
func (f *classFacts) outside(attrs []tribune.Name) int {
	n := 0
	for _, a := range attrs {
		if !f.any && !f.listed[a] {
			n++
		}
	}
	return n
}

// secondsADay turns a keeping time into the whole days that policies see.
const secondsADay = 24 * 60 * 60

// request is the act as Cedar sees it.
func (j *judgement) request() cedar.Request {
	a := j.act
	ctx := cedar.RecordMap{
		"purpose": cedar.String(a.Caller.Purpose), "dpv": j.purpose.dpv, "practices": j.purpose.practices,
		"count": cedar.Long(a.Count), "windowDays": cedar.Long(j.days), "own": cedar.Boolean(j.own),
		"attrs": j.attrs, "personal": cedar.Boolean(false), "categories": cedar.NewSet(), "keepDays": cedar.Long(0),
	}
	resource := cedar.NewEntityUID("City", cedar.String(j.set.city))
	if j.class != nil {
		resource = cedar.NewEntityUID("Class", cedar.String(a.Scope.Class))
		ctx["personal"] = cedar.Boolean(j.class.class.Personal)
		ctx["categories"] = j.class.categories
		ctx["keepDays"] = cedar.Long(int64(j.class.class.Keep.Seconds()) / secondsADay)
	}
	if j.basis != nil {
		i := 0
		if j.inForce {
			i = 1
		}
		ctx["mandate"] = j.basis.record[i]
	}
	if j.appointed != "" {
		ctx["appointed"] = cedar.String(j.appointed)
	}
	if j.model != nil {
		ctx["model"] = j.modelRecord()
	}
	if j.audited != nil {
		ctx["verdict"] = j.verdictRecord()
	}
	return cedar.Request{
		Principal: cedar.NewEntityUID("Office", cedar.String(a.Caller.Office)),
		Action:    cedar.NewEntityUID("Action", cedar.String(actionOf(a.Kind))),
		Resource:  resource,
		Context:   cedar.NewRecord(ctx),
	}
}

// actionOf is what policies call a kind: to tell somebody what a standing act promised is that act, so that one policy is the law of
// both, and the end of one the end of the other.
func actionOf(k tribune.ActKind) tribune.ActKind {
	if k == tribune.ActDelivery {
		return tribune.ActStanding
	}
	return k
}

// verb is a kind in a sentence.
func verb(k tribune.ActKind) string {
	switch k {
	case tribune.ActStanding, tribune.ActDelivery:
		return "be told of"
	}
	return string(k)
}

// stringSet is a Cedar set of the strings.
func stringSet[S ~string](list []S) cedar.Set {
	values := make([]cedar.Value, len(list))
	for i, s := range list {
		values[i] = cedar.String(s)
	}
	return cedar.NewSet(values...)
}
