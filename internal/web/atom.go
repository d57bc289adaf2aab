package web

import "encoding/xml"

// AtomFeed is an Atom feed (RFC 4287). Ids are tag URIs (RFC 4151), which hold for ever.
type AtomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Lang    string      `xml:"http://www.w3.org/XML/1998/namespace lang,attr"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Links   []AtomLink  `xml:"link"`
	Author  string      `xml:"author>name"`
	Entries []AtomEntry `xml:"entry"`
}

// AtomLink leads from a feed or an entry to a page, or to the feed itself.
type AtomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

// AtomEntry is one entry of a feed.
type AtomEntry struct {
	ID         string         `xml:"id"`
	Title      string         `xml:"title"`
	Updated    string         `xml:"updated"`
	Links      []AtomLink     `xml:"link"`
	Summary    string         `xml:"summary"`
	Categories []AtomCategory `xml:"category"`
}

// AtomCategory is a word by which readers sort entries.
type AtomCategory struct {
	Term string `xml:"term,attr"`
}
