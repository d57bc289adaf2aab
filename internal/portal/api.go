package portal

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The HTTP surface, described once: api/openapi.json (OpenAPI 3.0.3) is what machines read, and the page is made from it.
// Members x-summary-de and x-name-de hold the German of what they stand beside; x-served-by says which part of the hub
// answers, so that a test can hold the description against the routes.
//
//go:embed api/openapi.json
var openAPIDocument []byte

// apiDoc is the part of the description that the page shows.
type apiDoc struct {
	Info struct{ Title, Version, Description string }
	Tags []struct {
		Name        string
		NameDe      string `json:"x-name-de"`
		Description string
	}
	Paths map[string]map[string]apiOperation
}

type apiOperation struct {
	Tags        []string
	Summary     string
	SummaryDe   string `json:"x-summary-de"`
	ServedBy    string `json:"x-served-by"`
	Description string
	Parameters  []apiParameter
	Security    []map[string][]string
}

func readAPI() (doc apiDoc, err error) {
	if err := json.Unmarshal(openAPIDocument, &doc); err != nil {
		return doc, fmt.Errorf("reading the description of the API: %w", err)
	}
	return doc, nil
}

type apiParameter struct {
	Name, In, Description string
	Example               any
}

// try is a path that can be opened at once: that of a request without a body and without a token, with the examples of its parameters.
func (o apiOperation) try(method, path string) string {
	if method != "get" || len(o.Security) > 0 {
		return ""
	}
	query := url.Values{}
	for _, p := range o.Parameters {
		if p.Example == nil {
			continue
		}
		switch p.In {
		case "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(fmt.Sprint(p.Example)))
		case "query":
			query.Set(p.Name, fmt.Sprint(p.Example))
		}
	}
	if strings.Contains(path, "{") {
		return ""
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

type apiData struct {
	URL    string
	Groups []apiGroup
}

type apiGroup struct {
	ID, Title, About string
	Operations       []apiShown
}

type apiShown struct {
	apiOperation
	Method, Path, Title string
	Try                 string // a path that can be opened at once, "" where there is none
}

// methods in the order in which people expect them.
var methodOrder = []string{"get", "post", "put", "patch", "delete"}

func (p *Portal) showAPI(r *http.Request) (view, error) {
	doc, err := readAPI()
	if err != nil {
		return view{}, err
	}
	w := wordsOf(r)
	own := func(english, german string) string {
		if w.Tag == "de" && german != "" {
			return german
		}
		return english
	}
	d := apiData{URL: p.base(r)}
	for i, tag := range doc.Tags {
		g := apiGroup{ID: fmt.Sprintf("part-%d", i+1), Title: own(tag.Name, tag.NameDe), About: tag.Description}
		for path, methods := range doc.Paths {
			for method, o := range methods {
				if !slices.Contains(o.Tags, tag.Name) {
					continue
				}
				s := apiShown{apiOperation: o, Method: strings.ToUpper(method), Path: path, Title: own(o.Summary, o.SummaryDe)}
				s.Try = o.try(method, path)
				g.Operations = append(g.Operations, s)
			}
		}
		slices.SortFunc(g.Operations, func(a, b apiShown) int {
			if c := strings.Compare(a.Path, b.Path); c != 0 {
				return c
			}
			return slices.Index(methodOrder, strings.ToLower(a.Method)) - slices.Index(methodOrder, strings.ToLower(b.Method))
		})
		d.Groups = append(d.Groups, g)
	}
	return view{Name: "api", Title: w.T("For machines"), Data: d}, nil
}

func (p *Portal) openAPI(w http.ResponseWriter, r *http.Request) error {
	headers(w.Header(), false)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Access-Control-Allow-Origin", "*") // a description is for everyone's tools
	http.ServeContent(w, r, "", noTime, bytes.NewReader(openAPIDocument))
	return nil
}
