package portal

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/web"
	"tribune/protocol"
)

// maxReceipts bounds the receipts in one archive, some 3 KB each; the record has the rest.
const maxReceipts = 20_000

// exportPage offers a copy of everything: what is known without opening anything as an archive, at once; the opened values by
// an act of the person's own, signed in their browser.
type exportPage struct {
	Names  []exportName
	Office string   // in which the person asks
	CanAsk bool     // whether values can be opened here
	Keys   []string // public keys of theirs that may sign now
}

type exportName struct {
	Of         int
	Type, Name string
	Classes    []exportClass
}

// exportClass is one class of data whose values can be opened by one act.
type exportClass struct {
	ID      tribune.ClassID
	Title   string
	Values  int
	Mandate tribune.Mandate // by which; an empty ID = none is in force
}

func (p *Portal) showExport(r *http.Request) (view, error) {
	s, err := session(r)
	if err != nil {
		return view{}, err
	}
	if err := offered(p.cfg.Own != nil, "a look at one’s own data"); err != nil {
		return view{}, err
	}
	w := wordsOf(r)
	d := exportPage{Office: p.naming(w).office(string(dataSubject)), CanAsk: p.cfg.Ask != nil && p.cfg.Keys != nil && officeOf(s) == dataSubject}
	for i, name := range s.Names[:min(len(s.Names), maxNames)] {
		one, _, err := p.aboutName(r, i, name)
		if err != nil {
			return view{}, err
		}
		e := exportName{Of: i, Type: one.Type, Name: one.Name}
		for _, h := range one.Holdings {
			e.Classes = append(e.Classes, exportClass{h.Class, h.Title, h.Values, p.accessMandate(h.Class)})
		}
		d.Names = append(d.Names, e)
	}
	if d.CanAsk {
		keys, err := p.cfg.Keys.List(r.Context(), s)
		if err != nil {
			return view{}, fmt.Errorf("listing browser keys: %w", err)
		}
		for _, k := range keys {
			if k.usable(p.cfg.Now()) && !slices.Contains(d.Keys, k.Base64()) {
				d.Keys = append(d.Keys, k.Base64())
			}
		}
	}
	return view{Name: "meexport", Title: w.T("A copy of everything"), Data: d, Scripts: []string{"export"}, Private: true}, nil
}

// accessMandate is the mandate by which people see their own data of a class.
func (p *Portal) accessMandate(class tribune.ClassID) tribune.Mandate {
	all := p.inForce(dataSubject, func(m tribune.Mandate) bool {
		return slices.Contains(m.Classes, class) && p.reads(dataSubject, m)
	})
	if len(all) == 0 {
		return tribune.Mandate{}
	}
	return all[0]
}

// giveArchive sends a ZIP: what is held, every use with its entry and receipt, the trust file, and the trace key only where it
// is asked for. It opens nothing, so it is no act.
func (p *Portal) giveArchive(w http.ResponseWriter, r *http.Request) error {
	s, err := form(r)
	if err != nil {
		return err
	}
	if err := offered(p.cfg.Own != nil, "a look at one’s own data"); err != nil {
		return err
	}
	a := archive{p: p, r: r, words: wordsOf(r), withKey: r.PostForm.Get("trace") != ""}
	for i, name := range s.Names[:min(len(s.Names), maxNames)] {
		if err := a.gather(i, name); err != nil {
			return err
		}
	}
	attachment(w.Header(), "application/zip", "my-data-"+p.cfg.Now().UTC().Format(time.DateOnly)+".zip")
	if err := a.write(w); err != nil {
		// The first bytes are on their way: cut the download off, so that half an archive does not look whole.
		p.cfg.Log.Error("sending a person's archive", "request", web.RequestID(r.Context()), "err", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// archive is one person's copy on its way. No file in it is named after what the person is called by: names come from outside.
type archive struct {
	p       *Portal
	r       *http.Request
	words   *words
	withKey bool
	parts   []archivePart
}

type archivePart struct {
	folder   string
	name     web.PersonName
	holdings []Holding
	uses     []Use
	key      []byte
}

func (a *archive) gather(i int, name web.PersonName) error {
	part := archivePart{folder: strconv.Itoa(i+1) + "-" + fileName(name.Type), name: name}
	ctx, own := a.r.Context(), a.p.cfg.Own
	var err error
	if part.holdings, err = own.Holdings(ctx, name); err != nil && !errors.Is(err, tribune.ErrNotFound) {
		return fmt.Errorf("looking up what is held: %w", err)
	}
	if part.uses, err = own.Uses(ctx, name); err != nil && !errors.Is(err, tribune.ErrNotFound) {
		return fmt.Errorf("looking up the uses on record: %w", err)
	}
	if a.withKey {
		if part.key, err = own.TraceKey(ctx, name); err != nil && !errors.Is(err, tribune.ErrNotFound) {
			return fmt.Errorf("looking up a trace key: %w", err)
		}
	}
	a.parts = append(a.parts, part)
	return nil
}

func (a *archive) write(w io.Writer) error {
	z := zip.NewWriter(w)
	put := func(name string, data []byte) error {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.p.cfg.Now().UTC()})
		if err == nil {
			_, err = f.Write(data)
		}
		return err
	}
	if err := put("README.txt", []byte(a.readme())); err != nil {
		return err
	}
	if a.p.cfg.Trust != nil {
		if trust, err := a.p.cfg.Trust(); err == nil {
			if err := put("trust.txt", trust); err != nil {
				return err
			}
		}
	}
	for _, part := range a.parts {
		if err := a.writePart(part, put); err != nil {
			return err
		}
	}
	return z.Close()
}

func (a *archive) writePart(part archivePart, put func(string, []byte) error) error {
	files, err := part.tables()
	if err != nil {
		return err
	}
	if part.key != nil {
		files = append(files, archiveFile{"trace-key.txt", []byte(base64.StdEncoding.EncodeToString(part.key) + "\n")})
		clear(part.key)
	}
	for _, f := range files {
		if err := put(part.folder+"/"+f.name, f.data); err != nil {
			return err
		}
	}
	for _, u := range part.uses[:min(len(part.uses), maxReceipts)] {
		receipt, err := a.p.cfg.Record.Receipt(a.r.Context(), u.Index, true)
		if err != nil {
			return fmt.Errorf("reading a receipt: %w", err)
		}
		if err := put(fmt.Sprintf("%s/receipts/%d.tlog", part.folder, u.Index), receipt); err != nil {
			return err
		}
	}
	return nil
}

type archiveFile struct {
	name string
	data []byte
}

// tables are holdings and uses, each as JSON and as CSV.
func (part archivePart) tables() (files []archiveFile, err error) {
	type held struct {
		Class    tribune.ClassID `json:"class"`
		Entities int             `json:"entities"`
		Values   int             `json:"values"`
		From     string          `json:"from"`
		Until    string          `json:"until,omitempty"`
	}
	type used struct {
		N           uint64            `json:"n"`
		Index       uint64            `json:"index"`
		Tag         tribune.Tag       `json:"tag"` // theirs; the others' of the same entry are the others'
		Act         string            `json:"act"`
		Kind        tribune.ActKind   `json:"kind"`
		Time        string            `json:"time"`
		Office      tribune.OfficeID  `json:"office"`
		Purpose     tribune.PurposeID `json:"purpose"`
		Mandate     tribune.MandateID `json:"mandate"`
		Decision    tribune.Decision  `json:"decision"`
		OtherPeople protocol.Others   `json:"otherPeople"`
	}
	holdings := struct {
		Name  web.PersonName `json:"name"`
		Items []held         `json:"holdings"`
	}{part.name, []held{}}
	uses, heldRows, useRows := []used{}, [][]string{{"class", "entities", "values", "from", "until"}}, [][]string{{"use", "entry", "time", "office", "purpose", "mandate", "permitted", "policies", "tag"}}
	for _, h := range part.holdings {
		one := held{h.Class, h.Entities, h.Values, h.From.UTC().Format(time.DateOnly), ""}
		if !h.Until.IsZero() {
			one.Until = h.Until.UTC().Format(time.DateOnly)
		}
		holdings.Items = append(holdings.Items, one)
		heldRows = append(heldRows, []string{string(h.Class), strconv.Itoa(h.Entities), strconv.Itoa(h.Values), one.From, one.Until})
	}
	for _, u := range part.uses {
		l := u.Leaf.Act
		uses = append(uses, used{u.N, u.Index, u.Tag, l.ID, l.Kind, l.Time, l.Office, l.Purpose, l.Mandate, u.Leaf.Decision, protocol.OthersIn(l.Count)})
		useRows = append(useRows, []string{strconv.FormatUint(u.N, 10), strconv.FormatUint(u.Index, 10), l.Time, string(l.Office), string(l.Purpose),
			string(l.Mandate), strconv.FormatBool(u.Leaf.Decision.Permit), strings.Join(u.Leaf.Decision.Policies, " "), u.Tag.String()})
	}
	for _, v := range []struct {
		name  string
		value any
		rows  [][]string
	}{{"holdings", holdings, heldRows}, {"uses", uses, useRows}} {
		data, err := json.MarshalIndent(v.value, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", v.name, err)
		}
		files = append(files, archiveFile{v.name + ".json", data}, archiveFile{v.name + ".csv", csvOf(v.rows)})
	}
	return files, nil
}

func csvOf(rows [][]string) []byte {
	var b bytes.Buffer
	c := csv.NewWriter(&b)
	for _, row := range rows {
		for i := range row {
			row[i] = cellText(row[i])
		}
		c.Write(row) // into memory: it cannot fail
	}
	c.Flush()
	return b.Bytes()
}

func (a *archive) readme() string {
	w, lines := a.words, []string{}
	lines = append(lines,
		w.T("Your data at %s, %s", a.p.cfg.City, w.Time(a.p.cfg.Now())), "",
		w.T("Each folder is about one name of yours:"),
		w.T("holdings: what is held, by class, how much, from when, and when it will have been deleted."),
		w.T("uses: every use of your data on the public record. Of other people in the same entry it says no more than roughly how many they are."),
		w.T("receipts: the proof of each use. Check one anywhere, offline: tribune verify --trust trust.txt RECEIPT"),
		w.T("trust.txt: the keys of the log and its guardians, as this city gives them. Get the same file from a guardian, or from someone you trust, and compare."),
	)
	if a.withKey {
		lines = append(lines, w.T("trace-key.txt: whoever has it can find every use of your data on the public record, past and future. Keep it like a password."))
	}
	return strings.Join(append(lines, "", w.T("The values themselves are not in this archive: they are sealed. To get them, open them on the page where you got this archive; that is an act on record, signed by you.")), "\r\n") + "\r\n"
}
