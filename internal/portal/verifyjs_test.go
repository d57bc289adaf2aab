package portal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// TestBrowserRefusesForgedReceipts: whatever is done to a receipt is refused in the browser, each for its own reason, and by
// the offline verifier as well.
func TestBrowserRefusesForgedReceipts(t *testing.T) {
	l := newWitnessed(t, witnessedOrigin)
	mine, other := traceKey(1), traceKey(2)
	l.grow(70)
	at := l.use(protocol.UseTag(other, 9), protocol.UseTag(mine, 1))
	l.grow(300)
	good := l.receipt(at, 300, 0, 1, 2)
	stranger := newWitnessed(t, witnessedOrigin)
	elsewhere := newWitnessed(t, "elsewhere.example/record")
	elsewhere.grow(71)
	elsewhere.use(protocol.UseTag(mine, 1))
	elsewhere.grow(100)

	changed := func(change func(p *verify.Proof)) string {
		p := good
		p.Hashes = append([]tribune.Hash{}, good.Hashes...)
		change(&p)
		return string(p.Marshal())
	}
	lines := func(change func(note string) string) string {
		return changed(func(p *verify.Proof) { p.Checkpoint = []byte(change(string(p.Checkpoint))) })
	}
	signed := strings.SplitAfter(strings.TrimSuffix(string(good.Checkpoint), "\n"), "\n") // 3 lines, empty, log, 3 guardians
	swapped := l.use(protocol.UseTag(mine, 2))
	_ = swapped
	cases := []struct{ name, receipt, reason string }{
		{"as it is", changed(func(*verify.Proof) {}), ""},
		{"changed entry", changed(func(p *verify.Proof) {
			p.Extra = bytes.Replace(p.Extra, []byte("parking-inspector"), []byte("parking-inspectoR"), 1)
		}), "inclusion"},
		{"other entry's place", changed(func(p *verify.Proof) { p.Index++ }), "index"},
		{"truncated proof", changed(func(p *verify.Proof) { p.Hashes = p.Hashes[:len(p.Hashes)-1] }), "path"},
		{"lengthened proof", changed(func(p *verify.Proof) { p.Hashes = append(p.Hashes, tribune.Hash{}) }), "path"},
		{"changed proof", changed(func(p *verify.Proof) { p.Hashes[0][0] ^= 1 }), "inclusion"},
		{"missing co-signer", string(l.receipt(at, 300, 0, 1).Marshal()), "quorum"},
		{"no co-signer", string(l.receipt(at, 300).Marshal()), "quorum"},
		{"one co-signer thrice", lines(func(n string) string { return strings.Join(signed[:6], "") + signed[5] + signed[5] }), "repeated"},
		{"log not signed", lines(func(n string) string { return strings.Join(signed[:4], "") + strings.Join(signed[5:], "") + "\n" }), "log"},
		{"other size", lines(func(n string) string { return strings.Replace(n, "\n300\n", "\n301\n", 1) }), "log"},
		{"other log", string(elsewhere.receipt(at, 100, 0, 1, 2).Marshal()), "origin"},
		{"other log of the same name", changed(func(p *verify.Proof) { stranger.grow(300); p.Checkpoint = stranger.checkpoint(300, 0, 1, 2) }), "stranger"},
		{"stranger's line beside the guardians'", lines(func(n string) string {
			extra := strings.SplitAfter(string(stranger.checkpoint(300, 3)), "\n")
			return n + extra[5]
		}), "stranger"},
		{"no entry in it", changed(func(p *verify.Proof) { p.Extra = nil }), "receipt"},
		{"cut off", string(good.Marshal()[:400]), "receipt"},
		{"empty", "\n", "receipt"},
		{"last byte gone", strings.TrimSuffix(string(good.Marshal()), "\n"), "checkpoint"},
		{"windows line ends", strings.ReplaceAll(string(good.Marshal()), "\n", "\r\n"), "receipt"},
	}
	trust, err := verify.ParseTrust([]byte(l.trust))
	if err != nil {
		t.Fatal(err)
	}
	var list []jsCase
	for _, c := range cases {
		list = append(list, jsCase{Trust: l.trust, Receipt: c.receipt, Index: at, Key: base64.StdEncoding.EncodeToString(mine), N: 1})
	}
	for i, a := range runCases(t, list) {
		c := cases[i]
		if a.Reason != c.reason {
			t.Errorf("%s: the browser says %q, want %q\n%s", c.name, a.Reason, c.reason, a.Error)
		}
		v, err := trust.Receipt([]byte(c.receipt))
		if refused := err != nil || v.Index != uint64(at); refused != (c.reason != "") {
			t.Errorf("%s: package verify says %v, the browser %q", c.name, err, a.Reason)
		}
		if c.reason == "" && (strings.Join(a.Steps, " ") != "signatures inclusion entry tag" || len(a.Cosigned) != 3) {
			t.Errorf("%s: steps %v, co-signed by %v", c.name, a.Steps, a.Cosigned)
		}
	}
}

// TestBrowserRefusesEveryAlteredByte: no byte of a receipt can be altered unseen.
func TestBrowserRefusesEveryAlteredByte(t *testing.T) {
	l := newWitnessed(t, witnessedOrigin)
	l.grow(3)
	good := l.receipt(1, 3, 0, 1, 3).Marshal()
	var cases []jsCase
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 7)
		cases = append(cases, jsCase{Trust: l.trust, Receipt: string(bad), Index: 1})
	}
	for i, a := range runCases(t, cases) {
		if a.Reason == "" || a.Reason == "bug" {
			t.Errorf("byte %d (%q) altered: the browser says %q %s", i, good[i], a.Reason, a.Error)
		}
	}
}

func TestBrowserRefusesAnotherPersonsMark(t *testing.T) {
	l := newWitnessed(t, witnessedOrigin)
	mine, other := traceKey(1), traceKey(2)
	at := l.use(protocol.UseTag(other, 1))
	receipt := string(l.receipt(at, 1, 0, 1, 2).Marshal())
	key := base64.StdEncoding.EncodeToString
	answers := runCases(t, []jsCase{
		{Trust: l.trust, Receipt: receipt, Index: at, Key: key(mine), N: 1},
		{Trust: l.trust, Receipt: receipt, Index: at, Key: key(other), N: 2},
		{Trust: l.trust, Receipt: receipt, Index: at, Key: key(other), N: 1},
	})
	for i, want := range []string{"tag", "tag", ""} {
		if answers[i].Reason != want {
			t.Errorf("case %d: got %q, want %q", i, answers[i].Reason, want)
		}
	}
}

// TestBrowserFindsHiddenUses: a list of uses that the server has shortened, lengthened or moved does not stand, nor a log
// that is not what was signed.
func TestBrowserFindsHiddenUses(t *testing.T) {
	l := newWitnessed(t, witnessedOrigin)
	k := traceKey(1)
	l.grow(10)
	one := l.use(protocol.UseTag(k, 1))
	l.grow(256)
	two := l.use(protocol.UseTag(k, 2), protocol.UseTag(traceKey(2), 1))
	three := l.use(protocol.UseTag(k, 3))
	again := l.use(protocol.UseTag(k, 2))
	l.grow(515)
	all := []jsUse{{3, three}, {2, two}, {1, one}}
	ask := func(uses []jsUse, files map[string]string) jsCase {
		return jsCase{Trust: l.trust, Receipt: string(l.receipt(two, 300, 0, 1, 2).Marshal()), Index: two,
			Key: base64.StdEncoding.EncodeToString(k), N: 2, Uses: uses, Files: files}
	}
	honest := l.files(515, nil)
	late := l.files(515, nil) // the partial bundle is gone: the full one is there
	l.grow(768)
	late["tile/entries/002"] = l.files(768, nil)["tile/entries/002"]
	delete(late, "tile/entries/002.p/3")
	missing := l.files(515, nil)
	delete(missing, "tile/entries/001")
	cut := l.files(515, nil)
	cut["tile/entries/000"] = cut["tile/entries/000"][:1000]
	cases := []struct {
		name     string
		ask      jsCase
		reason   string
		complete bool
	}{
		{"all listed", ask(all, honest), "", true},
		{"bundle grown meanwhile", ask(all, late), "", true},
		{"newest hidden", ask(all[1:], honest), "", false},
		{"oldest hidden", ask(all[:2], honest), "", false},
		{"everything hidden", ask(nil, honest), "", false},
		{"one invented", ask(append([]jsUse{{4, 400}}, all...), honest), "", false},
		{"one moved to its copy", ask([]jsUse{{3, three}, {2, again}, {1, one}}, honest), "", false},
		{"numbers skipped", ask(append([]jsUse{{6, 400}}, all...), honest), "", false},
		{"use taken out of the served log", ask(all[1:], l.files(515, map[int][]byte{three: l.leaves[5]})), "root", false},
		{"log older than a receipt", ask(all, l.files(280, nil)), "shorter", false},
		{"bundle missing", ask(all, missing), "fetch", false},
		{"bundle cut off", ask(all, cut), "bundle", false},
	}
	var list []jsCase
	for _, c := range cases {
		list = append(list, c.ask)
	}
	for i, a := range runCases(t, list) {
		c := cases[i]
		if a.Reason != c.reason || a.Complete != c.complete {
			t.Errorf("%s: got %q complete=%v, want %q complete=%v\n%+v %s", c.name, a.Reason, a.Complete, c.reason, c.complete, a.Trail, a.Error)
		}
		if c.complete && (a.Trail.Entries != 515 || a.Trail.Present != 3 || len(a.Trail.Repeated) != 1) {
			t.Errorf("%s: trail %+v", c.name, a.Trail)
		}
	}
}

// TestBrowserRefusesUnsoundTrust: a trust file under which one signature would count twice, or none be needed, is refused.
func TestBrowserRefusesUnsoundTrust(t *testing.T) {
	l := newWitnessed(t, witnessedOrigin)
	l.grow(1)
	receipt := string(l.receipt(0, 1, 0, 1, 2).Marshal())
	witness := ""
	for line := range strings.Lines(l.trust) {
		if strings.HasPrefix(line, "witness ") {
			witness = strings.Fields(line)[2]
		}
	}
	files := map[string]string{
		"as it is":             l.trust,
		"empty":                "",
		"no quorum":            strings.Replace(l.trust, "quorum ", "# quorum ", 1),
		"quorum of nobody":     strings.Replace(l.trust, "quorum ", "quorum none #", 1),
		"one witness twice":    strings.Replace(l.trust, "\nquorum ", "\nwitness again "+witness+"\nquorum ", 1),
		"threshold of nothing": strings.Replace(l.trust, " 3 ", " 0 ", 1),
		"altered key":          strings.Replace(l.trust, witness, strings.Replace(witness, "+", "+0", 1), 1),
		"second log":           l.trust + "\n" + strings.Split(l.trust[strings.Index(l.trust, "log "):], "\n")[0] + "\n",
	}
	var names []string
	var cases []jsCase
	for name, file := range files {
		names = append(names, name)
		cases = append(cases, jsCase{Trust: file, Receipt: receipt})
	}
	for i, a := range runCases(t, cases) {
		want := "trust"
		if names[i] == "as it is" {
			want = ""
		}
		if a.Reason != want {
			t.Errorf("%s: got %q, want %q: %s", names[i], a.Reason, want, a.Error)
		}
		if _, err := verify.ParseTrust([]byte(files[names[i]])); (err != nil) != (want != "") {
			t.Errorf("%s: package verify says %v", names[i], err)
		}
	}
}

// TestBrowserSignsNothingElse: an act is signed only as it was asked, in its one spelling, now; the signature fits what package
// protocol checks. And a value that looks like a formula reaches a spreadsheet as text.
func TestBrowserSignsNothingElse(t *testing.T) {
	good := protocol.Act{ID: protocol.NewID(), Kind: tribune.ActRead, Office: "parking-inspector", Purpose: "enforce-parking", Mandate: "m", Count: 1, Time: protocol.Time(now), Recipient: make([]byte, 32)}
	text := func(change func(*protocol.Act)) string {
		a := good
		change(&a)
		data, err := protocol.JCS(a)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	cases := []struct{ name, text, want string }{
		{"as asked", text(func(*protocol.Act) {}), "yes"},
		{"another kind", text(func(a *protocol.Act) { a.Kind = tribune.ActAppoint }), "no"},
		{"another office", text(func(a *protocol.Act) { a.Office = "planner" }), "no"},
		{"another purpose", text(func(a *protocol.Act) { a.Purpose = "plan-city" }), "no"},
		{"another mandate", text(func(a *protocol.Act) { a.Mandate = "n" }), "no"},
		{"dated back", text(func(a *protocol.Act) { a.Time = protocol.Time(now.Add(-time.Hour)) }), "no"},
		{"not canonical", " " + text(func(*protocol.Act) {}), "no"},
		{"member twice", strings.Replace(text(func(*protocol.Act) {}), `{"com"`, `{"com":"","com"`, 1), "no"},
		{"another document", `{"actor":"x"}`, "no"},
	}
	var input []string
	for _, c := range cases {
		input = append(input, c.text)
	}
	const script = `
import { lookAt, signAct } from "./_sign";
import { toCSV } from "./_table";
let input = "";
for await (const chunk of process.stdin) input += chunk;
const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
const texts = JSON.parse(input);
const asked = { office: "parking-inspector", purpose: "enforce-parking", mandate: "m" };
console.log(JSON.stringify({
  looked: texts.map((t) => (lookAt(t, asked, Date.parse("2026-11-22T10:00:00Z")) ? "yes" : "no")),
  pub: Buffer.from(await crypto.subtle.exportKey("raw", pair.publicKey)).toString("base64"),
  signature: await signAct({ pub: "", office: "", pair }, texts[0]),
  csv: toCSV([{ type: "T", id: "urn:1", b: '=HYPERLINK("x")', a: -1.5 }, { id: "urn:2", type: "T", c: ["x,y", 2], b: " @x", d: { "@type": "DateTime", "@value": "2026" } }]),
}));
`
	var got struct {
		Looked         []string
		Pub, Signature []byte
		CSV            string
	}
	if err := json.Unmarshal(inNode(t, script, input), &got); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		if got.Looked[i] != c.want {
			t.Errorf("%s: looked at and said %s, want %s", c.name, got.Looked[i], c.want)
		}
	}
	if err := good.Verify(got.Pub, got.Signature); err != nil {
		t.Errorf("the browser's signature: %v", err)
	}
	want := "id,type,a,b,c,d\r\nurn:1,T,-1.5,\"'=HYPERLINK(\"\"x\"\")\",,\r\nurn:2,T,,' @x,\"[\"\"x,y\"\",2]\",2026\r\n"
	if got.CSV != want {
		t.Errorf("got %q, want %q", got.CSV, want)
	}
}
