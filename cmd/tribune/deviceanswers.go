package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// answers are what a device's document says, as text; package device says what each must be.
type answers struct {
	id, title, kind, owner, contact            string
	place, longitude, latitude                 string
	need, alternative, cost, fallback, signing string
	from, until, minute                        string
	cannot, topics                             list
	senses                                     list
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string     { return strings.Join(*l, "; ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// answer is one question of a document, asked by a flag or on a terminal.
type answer struct {
	flag, question string
	value          *string
	optional       bool
}

func (a *answers) all() []answer {
	return []answer{
		{"id", "What do messages and pages call it? (lower-case letters, digits and -)", &a.id, false},
		{"title", "What do people call it?", &a.title, false},
		{"kind", "Is it a sensor, a gateway, a network-server or a feed?", &a.kind, false},
		{"owner", "Who answers for it?", &a.owner, false},
		{"contact", "Where does an objection go? (address, mail or telephone)", &a.contact, false},
		{"place", "Where do people meet it? (in words)", &a.place, false},
		{"longitude", "At which longitude?", &a.longitude, false},
		{"latitude", "At which latitude?", &a.latitude, false},
		{"need", "Why is it there?", &a.need, false},
		{"alternative", "What can a person do who does not want to be sensed?", &a.alternative, false},
		{"cost", "What does it cost, to buy and a year?", &a.cost, false},
		{"fallback", "What works by hand when it is off?", &a.fallback, false},
		{"until", "When does it end? (a day like 2027-12-31, at most five years away)", &a.until, false},
		{"from", "When does it begin? (empty = now; a newer document of the same device begins later)", &a.from, true},
		{"signing-key", "Does it sign its messages? (its Ed25519 key in base64; empty = no)", &a.signing, true},
		{"per-minute", "How many messages a minute at most? (empty = 600)", &a.minute, true},
	}
}

func (a *answers) define(f *flag.FlagSet) {
	for _, q := range a.all() {
		f.StringVar(q.value, q.flag, "", "new: "+q.question)
	}
	f.Var(&a.cannot, "cannot-sense", "new: something that people may fear and it cannot sense; once for each")
	f.Var(&a.topics, "topic", "new: an MQTT topic filter it may publish to; once for each (default devices/ID/#)")
	f.Var(&a.senses, "sense", "new: something it reports, once for each: `title=...; name=...; type=...; attribute=...; entity=...; unit=...; minimum=...; maximum=...`")
}

// The parts of a sense. A type or attribute may be a name of the NGSI-LD core context; entity, unit and bounds may be left out.
var senseParts = []answer{
	{flag: "title", question: "  What is it, in plain words?"},
	{flag: "name", question: "  What do messages call it? (one path segment may be *)"},
	{flag: "type", question: "  What type has the thing in the city that it is about? (like AirQualityObserved)"},
	{flag: "attribute", question: "  Which of its attributes is measured? (like pm25)"},
	{flag: "entity", question: "  Which one is it? (a URI; empty = urn:ngsi-ld:TYPE:ID)", optional: true},
	{flag: "unit", question: "  In which unit? (SenML or UN/CEFACT; empty = none)", optional: true},
	{flag: "minimum", question: "  What is the least possible value? (empty = any)", optional: true},
	{flag: "maximum", question: "  And the greatest? (empty = any)", optional: true},
}

// questions asks for what the flags did not say. An end of input leaves the rest unsaid.
func (a *answers) questions(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	ask := func(question string) (string, error) {
		fmt.Fprintf(out, "%s\n> ", question)
		line, err := lines.ReadString('\n')
		return strings.TrimSpace(line), err
	}
	err := a.ask(ask)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading answers: %w", err)
	}
	return nil
}

func (a *answers) ask(ask func(string) (string, error)) (err error) {
	for _, q := range a.all() {
		if *q.value == "" {
			if *q.value, err = ask(q.question); err != nil {
				return err
			}
		}
	}
	several := func(into *list, question string) error {
		for len(*into) == 0 || question != "" {
			line, err := ask(question)
			if line == "" {
				return err
			}
			*into = append(*into, line)
			if err != nil {
				return err
			}
			question = "And what else? (empty = nothing)"
		}
		return nil
	}
	if len(a.cannot) == 0 {
		if err := several(&a.cannot, "What may people fear that it senses, and it cannot? (like faces, voices, number plates)"); err != nil {
			return err
		}
	}
	for len(a.senses) == 0 {
		for more := "yes"; more != ""; {
			var parts []string
			for _, q := range senseParts {
				line, err := ask(q.question)
				if line != "" {
					parts = append(parts, q.flag+"="+strings.ReplaceAll(line, ";", ",")) // ; parts them
				}
				if err != nil {
					return err
				}
			}
			a.senses = append(a.senses, strings.Join(parts, "; "))
			if more, err = ask("Does it report anything else? (empty = no)"); err != nil {
				return err
			}
		}
	}
	return nil
}

// document writes the answers as TOML. What is missing is left out, for package device to name.
func (a *answers) document(token tribune.Hash, now time.Time) (string, error) {
	var b strings.Builder
	b.WriteString("# What this device is, for everyone to read. It counts once the city's steward has signed it.\n")
	say := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s = %s\n", key, quote(value))
		}
	}
	bare := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s = %s\n", key, value)
		}
	}
	for _, kv := range [][2]string{{"id", a.id}, {"title", a.title}, {"kind", a.kind}, {"owner", a.owner}, {"contact", a.contact}, {"need", a.need},
		{"alternative", a.alternative}, {"cost", a.cost}, {"fallback", a.fallback}, {"signing_key", a.signing}} {
		say(kv[0], kv[1])
	}
	for key, values := range map[string]list{"cannot_sense": a.cannot, "topics": a.topics} {
		if len(values) > 0 {
			quoted := make([]string, len(values))
			for i, v := range values {
				quoted[i] = quote(v)
			}
			bare(key, "["+strings.Join(quoted, ", ")+"]")
		}
	}
	from := a.from
	if from == "" {
		from = now.UTC().Format(time.RFC3339)
	}
	for _, kv := range [][2]string{{"from", from}, {"until", a.until}} {
		if kv[1] == "" {
			continue
		}
		if _, err := time.Parse(time.RFC3339, kv[1]); err != nil {
			if _, err := time.Parse(time.DateOnly, kv[1]); err != nil {
				return "", fmt.Errorf("%w: %s: write a day like 2027-12-31 or an instant like 2027-12-31T12:00:00Z", tribune.ErrInvalid, kv[0])
			}
		}
		bare(kv[0], kv[1])
	}
	if err := number("per-minute", a.minute); err != nil {
		return "", err
	}
	bare("per_minute", a.minute)
	say("token_sha256", token.String())
	b.WriteString("\n[place]\n")
	say("name", a.place)
	for _, kv := range [][2]string{{"longitude", a.longitude}, {"latitude", a.latitude}} {
		if err := number(kv[0], kv[1]); err != nil {
			return "", err
		}
		bare(kv[0], kv[1])
	}
	contexts, err := jsonld.New(jsonld.Config{})
	if err != nil {
		return "", err
	}
	for i, s := range a.senses {
		sense, err := readSense(s, a.id, contexts.Core())
		if err != nil {
			return "", fmt.Errorf("sense %d: %w", i+1, err)
		}
		b.WriteString("\n[[senses]]\n")
		for _, key := range []string{"title", "name", "entity", "type", "attribute", "unit"} {
			say(key, sense[key])
		}
		bare("minimum", sense["minimum"])
		bare("maximum", sense["maximum"])
	}
	return b.String(), nil
}

// readSense reads "title=...; name=...".
func readSense(s, id string, core *jsonld.Context) (map[string]string, error) {
	sense := map[string]string{}
	for part := range strings.SplitSeq(s, ";") {
		key, value, ok := strings.Cut(part, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if strings.TrimSpace(part) == "" {
			continue
		}
		if !ok || !slices.ContainsFunc(senseParts, func(a answer) bool { return a.flag == key }) {
			return nil, tribune.Hint(fmt.Errorf("%w: %.40q is no part of a sense", tribune.ErrInvalid, part), "Write it like title=Fine dust; name=pm25; type=AirQualityObserved; attribute=pm25; unit=ug/m3")
		}
		sense[key] = value
	}
	for _, key := range []string{"minimum", "maximum"} {
		if err := number(key, sense[key]); err != nil {
			return nil, err
		}
	}
	if kind := sense["type"]; sense["entity"] == "" && kind != "" && !strings.Contains(kind, ":") && !strings.Contains(sense["name"], "*") {
		sense["entity"] = "urn:ngsi-ld:" + kind + ":" + id
	}
	for _, key := range []string{"type", "attribute"} {
		if term := sense[key]; term != "" && !strings.Contains(term, ":") {
			name, err := core.Expand(term)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			sense[key] = string(name)
		}
	}
	return sense, nil
}

// number refuses what would not be a number in TOML, or be more than one line of it.
func number(key, s string) error {
	if s == "" {
		return nil
	}
	if _, err := strconv.ParseFloat(s, 64); err != nil || strings.ContainsAny(s, "xXpP_iInN") {
		return fmt.Errorf("%w: %s: %.40q is not a number", tribune.ErrInvalid, key, s)
	}
	return nil
}

// quote writes a TOML basic string: JSON's strings are such, but for the one control character that JSON lets stand.
func quote(s string) string {
	text, _ := json.Marshal(s) // a string always encodes
	return strings.ReplaceAll(string(text), "\x7f", `\u007f`)
}
