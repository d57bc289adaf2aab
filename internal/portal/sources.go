package portal

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// sourcesData says where the shown data and the program's parts come from.
type sourcesData struct {
	Facts    []Fact
	Sources  []source
	Licences bool // the licences of the scripts are at /assets/licences.txt
}

// source is what entities say of where their values come from.
type source struct{ Provider, Text string }

func (p *Portal) showSources(r *http.Request) (view, error) {
	d := sourcesData{Licences: p.assets.built("licences.txt")}
	if p.cfg.Facts != nil {
		d.Facts = p.cfg.Facts()
	}
	var err error
	if d.Sources, err = p.sourcesOf(r.Context(), parkType, airType); err != nil {
		return view{}, err
	}
	return view{Name: "sources", Title: wordsOf(r).T("Sources and licences"), Data: d}, nil
}

func (p *Portal) sourcesOf(ctx context.Context, locals ...string) (all []source, err error) {
	for _, local := range locals {
		found, err := p.entities(ctx, local)
		if err != nil {
			return nil, err
		}
		for i := range found {
			e := &found[i].Entity
			s := source{text(attr(e, "dataProvider")), text(attr(e, "source"))}
			if s != (source{}) && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b source) int { return strings.Compare(a.Provider+a.Text, b.Provider+b.Text) })
	return all, nil
}
