package notify

import (
	"encoding/json"
	"slices"
	"strings"

	"tribune/internal/twin/jsonld"
)

// maxJoinLevel bounds how far notifications follow links.
const maxJoinLevel = 10

// notification reads what is sent, and where (clause 5.2.14).
func (s *subscription) notification(r *reader) {
	var d document
	if !r.into("notification", &d, "an object") {
		r.fail("notification", "it is missing (clause 5.2.12)")
		return
	}
	p := &reader{d: d}
	endpoint, ok := d["endpoint"]
	if !ok {
		p.fail("endpoint", "it is missing (clause 5.2.14)")
	} else {
		var err error
		if s.endpoint, err = ParseEndpoint(endpoint); err != nil && p.err == nil {
			p.err = err
		}
	}
	s.format(p)
	s.members(p)
	s.joining(p)
	s.around(r)
	if p.err != nil && r.err == nil {
		r.err = p.err
	}
}

func (s *subscription) format(p *reader) {
	if _, ok := p.d["format"]; ok {
		switch p.text("format") {
		case "normalized":
		case "concise":
			s.view.Format = jsonld.Concise
		case "simplified", "keyValues":
			s.view.Format = jsonld.Simplified
		default:
			p.fail("format", "it is one of normalized, concise, simplified, keyValues (clause 5.2.14)")
		}
	}
	s.view.SysAttrs = p.flag("sysAttrs", false)
	if s.changes = p.flag("showChanges", false); s.changes && s.view.Format == jsonld.Simplified {
		p.fail("showChanges", "it cannot be true in the format keyValues (clause 5.2.14)")
	}
}

// members reads which members of entities are sent. Names are expanded; the core context leaves IRIs as they are.
func (s *subscription) members(p *reader) {
	if s.view.Attrs = p.names("attributes"); s.view.Attrs != nil {
		for _, name := range s.view.Attrs {
			switch string(name) {
			case "id", "type", "scope", "@id", "@type", "https://uri.etsi.org/ngsi-ld/scope":
				p.fail("attributes", "id, type and scope cannot be among them; use pick (clause 5.2.14)")
			}
		}
		if p.d["pick"] != nil || p.d["omit"] != nil {
			p.fail("attributes", "it cannot stand beside pick or omit (clause 5.2.14)")
		}
	}
	s.view.Pick, s.view.Omit = s.projection(p, "pick"), s.projection(p, "omit")
	if jsonld.Overlap(s.view.Pick, s.view.Omit) {
		p.fail("omit", "a member is both picked and omitted (clause 5.2.14)")
	}
}

func (s *subscription) projection(p *reader, member string) *jsonld.Projection {
	all := p.texts(member)
	if all == nil || p.err != nil {
		return nil
	}
	out, err := s.ctx.Projection(strings.Join(all, ","))
	p.keep(member, err)
	return out
}

func (s *subscription) joining(p *reader) {
	if _, ok := p.d["join"]; ok {
		switch p.text("join") {
		case "flat":
			s.view.Join = jsonld.Flat
		case "inline":
			s.view.Join = jsonld.Inline
		case "@none":
		default:
			p.fail("join", "it is one of flat, inline, @none (clause 5.2.14)")
		}
	}
	s.view.JoinLevel = 1
	if p.into("joinLevel", &s.view.JoinLevel, "a whole number") && (s.view.JoinLevel < 1 || s.view.JoinLevel > maxJoinLevel) {
		p.fail("joinLevel", "it is a whole number from 1 to %d (clause 5.2.14)", maxJoinLevel)
	}
	if s.view.Join == jsonld.NoJoin {
		s.view.JoinLevel = 0
	}
}

// around reads members beside notification that say how it is written.
func (s *subscription) around(r *reader) {
	if raw, ok := r.d["datasetId"]; ok {
		var one string
		if json.Unmarshal(raw, &one) == nil {
			r.d["datasetId"] = json.RawMessage(`[` + string(raw) + `]`)
		}
		for _, id := range r.texts("datasetId") {
			if id == "@none" {
				id = ""
			} else if _, err := jsonld.ID(id); err != nil {
				r.fail("datasetId", "each is a URI or @none (clause 5.2.12)")
			}
			s.view.Datasets = append(s.view.Datasets, id)
		}
	}
	if lang := r.text("lang"); lang != "" {
		var err error
		s.view.Lang, err = jsonld.ParseLanguages(lang)
		r.keep("lang", err)
	}
	if version := r.text("ngsildConformance"); version != "" {
		var err error
		s.view.Amend, err = jsonld.ParseAmendment(version)
		r.keep("ngsildConformance", err)
	}
	s.media()
}

// media decides between Link header and @context in the body (clauses 5.3.1 and 6.3.8).
func (s *subscription) media() {
	s.contentType = s.endpoint.Accept
	s.view.LD = s.contentType == TypeLD
	if s.view.GeoJSON = s.contentType == TypeGeoJSON; s.view.GeoJSON {
		prefer, _ := s.endpoint.Receives("Prefer")
		s.view.LD = !slices.Contains(strings.FieldsFunc(prefer, func(c rune) bool { return c == ',' || c == ';' || c == ' ' }), "body=json")
	}
	if !s.view.LD {
		s.link = s.ctx.Link()
		if s.link == "" {
			s.link = jsonld.CoreURL
		}
	}
}
