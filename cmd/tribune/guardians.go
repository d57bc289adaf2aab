package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/city"
	"tribune/internal/client"
	"tribune/protocol"
)

func guardiansVerbs() []string { return []string{"list", "change", "propose", "join"} }

// guardiansFlags are the flags of all its verbs.
type guardiansFlags struct {
	dir, url, out, listen, name string
	add, retire, replace, lost  several
	refresh, demo               bool
	t, w                        int
}

// runGuardians shows who the guardians are, and prepares changes. It decides nothing: a change counts once the council has
// signed it and the guardians' operators have accepted it.
func runGuardians(ctx context.Context, args []string, out, log io.Writer) error {
	g := &guardiansFlags{}
	f := flags("guardians", log)
	f.StringVar(&g.dir, "dir", "demo-city", "the city's directory")
	f.StringVar(&g.url, "url", "", "propose: base URL of the hub; empty = the one of --dir")
	f.StringVar(&g.out, "out", "change.txt", "change: the file to write")
	f.Var(&g.add, "add", "change: KEY,URL of a guardian who comes; may be repeated")
	f.Var(&g.retire, "retire", "change: NAME of a guardian who leaves; may be repeated")
	f.Var(&g.replace, "replace", "change: OLD=KEY,URL, one who leaves and who takes the seat; may be repeated")
	f.Var(&g.lost, "lost", "change: NAME of a guardian who is gone, where fewer are left than publish: an emergency; may be repeated")
	f.BoolVar(&g.refresh, "refresh", false, "change: the same guardians get new shares")
	f.IntVar(&g.t, "t", 0, "change: shares that open; 0 = as now")
	f.IntVar(&g.w, "w", 0, "change: co-signatures that publish; 0 = as few as are safe")
	f.BoolVar(&g.demo, "demo", false, "propose: sign as a demo's council and accept as all its guardians")
	f.StringVar(&g.name, "name", "", "join: the name of one more guardian of a demo, like library.example")
	f.StringVar(&g.listen, "listen", "127.0.0.1:8491", "join: where it will listen")
	f.Usage = func() {
		fmt.Fprint(log, `usage: tribune guardians list              who the guardians are
       tribune guardians change [what]     write a change for the council to sign
       tribune guardians propose CHANGE    hand a signed change to the hub, which puts it on record
       tribune guardians join --name NAME  in a demo: prepare one more guardian
`)
		f.PrintDefaults()
	}
	operands, err := words(f, args)
	if err != nil {
		return err
	}
	verb := ""
	if len(operands) > 0 {
		verb, operands = operands[0], operands[1:]
	}
	switch {
	case verb == "list" && len(operands) == 0:
		return g.list(out)
	case verb == "change" && len(operands) == 0:
		return g.change(out)
	case verb == "propose" && len(operands) == 1:
		return g.propose(ctx, operands[0], out)
	case verb == "join" && len(operands) == 0 && g.name != "":
		return g.join(out)
	}
	return tribune.Hint(fmt.Errorf("%w: one of %s", errUsage, strings.Join(guardiansVerbs(), ", ")), "tribune guardians list")
}

func (g *guardiansFlags) list(out io.Writer) error {
	group, err := city.PresentGroup(city.Dir(g.dir))
	if err != nil {
		return err
	}
	digest, err := protocol.GroupDigest(group)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d guardians, %d open, %d publish; share epoch %d\ndigest %s\n", group.City, group.N, group.T, group.W, group.Epoch, digest)
	for _, m := range group.Guardians {
		fmt.Fprintf(out, "%3d  %s  %s\n     %s\n", m.Index, m.Name, m.URL, m.Key)
	}
	return nil
}

// change writes the unsigned document.
func (g *guardiansFlags) change(out io.Writer) error {
	group, err := city.PresentGroup(city.Dir(g.dir))
	if err != nil {
		return err
	}
	if !g.refresh && len(g.add)+len(g.retire)+len(g.replace)+len(g.lost) == 0 && g.t == 0 && g.w == 0 {
		return tribune.Hint(fmt.Errorf("%w: nothing is to change", errUsage), "tribune guardians change --refresh, --add KEY,URL, --retire NAME, --replace OLD=KEY,URL, --t N or --w N")
	}
	c, err := g.successor(group)
	if err == nil {
		err = c.Validate()
	}
	if err == nil {
		err = c.After(group)
	}
	if err != nil {
		return err
	}
	text, err := c.Text()
	if err != nil {
		return err
	}
	if err := create(g.out, text, 0o644); err != nil {
		return fmt.Errorf("writing the change: %w", err)
	}
	digest, err := c.Digest()
	if err != nil {
		return err
	}
	for _, line := range c.Words(group) {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintf(out, `digest %s

%[2]s says so. It counts for nobody yet. Next:
  tribune sign --key council.key %[2]s                   the council signs it
  tribune guardians propose --dir %[3]s %[2]s            the hub puts it on record
  guardian change accept --config FILE %[2]s             each institution, on its own machine; newcomers too
`, digest, g.out, g.dir)
	return nil
}

// successor is the change of group that the flags describe.
func (g *guardiansFlags) successor(group protocol.Group) (protocol.Change, error) {
	from, err := protocol.GroupDigest(group)
	if err != nil {
		return protocol.Change{}, err
	}
	members := slices.Clone(group.Guardians)
	c := protocol.Change{City: group.City, From: from, Epoch: group.Epoch + 1, T: group.T, Lost: slices.Sorted(slices.Values(g.lost))}
	if c.Lost == nil {
		c.Lost = []string{}
	}
	find := func(name string) (int, error) {
		i := slices.IndexFunc(members, func(m protocol.Member) bool { return m.Name == name })
		if i < 0 {
			return 0, fmt.Errorf("%w: %s is no guardian", tribune.ErrNotFound, name)
		}
		return i, nil
	}
	for _, s := range g.replace {
		old, by, ok := strings.Cut(s, "=")
		if !ok {
			return c, fmt.Errorf("%w: --replace OLD=KEY,URL", errUsage)
		}
		i, err := find(old)
		if err != nil {
			return c, err
		}
		if members[i], err = parseMember(by); err != nil {
			return c, err
		}
	}
	for _, name := range append(slices.Clone(g.retire), c.Lost...) {
		i, err := find(name)
		if err != nil && slices.Contains(c.Lost, name) {
			continue // replaced above
		}
		if err != nil {
			return c, err
		}
		members = slices.Delete(members, i, i+1)
	}
	for _, s := range g.add {
		m, err := parseMember(s)
		if err != nil {
			return c, err
		}
		members = append(members, m)
	}
	for i := range members {
		members[i].Index = i + 1
	}
	c.Members = members
	if g.t > 0 {
		c.T = g.t
	}
	if c.W = g.w; c.W == 0 {
		c.W = (len(members) + c.T + 1) / 2
	}
	return c, nil
}

func parseMember(s string) (protocol.Member, error) {
	key, url, ok := strings.Cut(s, ",")
	name, _, err := protocol.PublicOf(key)
	if !ok || url == "" || err != nil {
		return protocol.Member{}, tribune.Hint(fmt.Errorf("%w: %q is not KEY,URL", errUsage, s), "guardian init prints the key; the URL is where the hub reaches the guardian.")
	}
	return protocol.Member{Key: key, Name: name, URL: url}, nil
}

func (g *guardiansFlags) propose(ctx context.Context, path string, out io.Writer) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the change: %w", err)
	}
	if g.demo {
		fmt.Fprintln(out, "A demo: one person now signs as the city's council, and accepts as every guardian. In a city these are different institutions, each on a machine of its own.")
		if doc, err = signDemo(g.dir, path, doc); err != nil {
			return err
		}
	}
	if _, signatures := protocol.SplitDocument(doc); signatures == "" {
		return tribune.Hint(fmt.Errorf("%w: %s is not signed", tribune.ErrInvalid, path), "Let the city's council sign it: tribune sign --key council.key %s", path)
	}
	hub := &client.Client{Base: strings.TrimSuffix(g.url, "/")}
	if g.url == "" {
		if hub, err = client.Open(g.dir, ""); err != nil {
			return err
		}
	}
	a, err := hub.Do(ctx, http.MethodPost, "/group/change", doc, http.Header{"Content-Type": {"text/plain; charset=utf-8"}})
	if err == nil {
		err = a.Error()
	}
	if err != nil {
		return unreachable(err, hub.Base, g.dir)
	}
	if g.demo {
		if err := city.AcceptDemo(city.Dir(g.dir), doc, out); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "The change is on its way to the record. It takes force once enough guardians have accepted it: tribune guardians list, %s/group\n", hub.Base)
	return nil
}

// signDemo signs as a demo's council.
func signDemo(dir, path string, doc []byte) ([]byte, error) {
	skey, err := os.ReadFile(city.Dir(dir).Institution("council"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, tribune.Hint(fmt.Errorf("%w: %s holds no council's key", tribune.ErrNotFound, dir), "Only a demo's folder does. Without --demo, the council signs: tribune sign --key council.key %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the demo council's key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(skey)))
	if err != nil {
		return nil, fmt.Errorf("%w: the demo council's key cannot be read", tribune.ErrInvalid)
	}
	text, _ := protocol.SplitDocument(doc)
	signed, err := protocol.SignDocument(text, signer)
	if err != nil {
		return nil, err
	}
	return signed, os.WriteFile(path, signed, 0o644)
}

// join prepares one more guardian of a demo.
func (g *guardiansFlags) join(out io.Writer) error {
	key, config, err := city.JoinDemo(city.Dir(g.dir), g.name, g.listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, `%s has a key, and no share yet. Start it; the demo starts it by itself from its next start on:
  tribune guardian serve --config %s
It mirrors the record, and becomes a guardian by a change:
  tribune guardians change --dir %s --add %s,http://%s
`, g.name, config, g.dir, key, g.listen)
	return nil
}
