package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
	"tribune/verify"
	"tribune/verify/recovery"
)

// hiddenYears is how far back hidden uses are looked for unless quarters are named.
const hiddenYears = 2

// recover gets a person's trace key from guardians. The city is at most asked where they are.
func (d *traceFlags) recover(ctx context.Context, trust *verify.Trust, out, log io.Writer) error {
	if d.out == "" {
		return fmt.Errorf("%w: --out is missing: where to keep the key", errUsage)
	}
	if _, err := os.Stat(d.out); !errors.Is(err, fs.ErrNotExist) {
		return tribune.Hint(fmt.Errorf("%w: %s is there already", tribune.ErrConflict, d.out), "Choose another file.")
	}
	quarters, err := d.chains(time.Now())
	if err != nil {
		return err
	}
	ward, document, err := d.readWard()
	if err != nil {
		return err
	}
	asked, err := d.askWho(ctx, trust, log)
	if err != nil {
		return err
	}
	token, err := d.login(ctx, asked, log)
	if err != nil {
		return err
	}
	var name protocol.PersonName
	if ward != nil {
		name = wardName(ward)
		_, err = d.represent(ctx, asked.session, document)
	} else {
		name, err = d.chooseName(token)
	}
	if err != nil {
		return err
	}
	if err := asked.round(ctx, protocol.PersonNamePath, asked.session.NameRequest(token, name), log, asked.session.Named); err != nil {
		return err
	}
	var keys protocol.TraceKeys
	var withheld []uint32
	req := asked.session.KeysRequest(token, quarters)
	err = asked.round(ctx, protocol.PersonKeysPath, req, log, func(answers []protocol.PersonAnswer) ([]string, error) {
		some, lack, culprits, err := asked.session.Keys(req, answers)
		if err != nil {
			return culprits, err
		}
		if keys, withheld = some, lack; len(lack) > 0 { // one alone could keep a chain back: all are asked
			err = fmt.Errorf("%w for %d hidden chains", tribune.ErrNoQuorum, len(lack))
		}
		return culprits, err
	})
	if err != nil && len(keys.Keys) == 0 {
		return err
	}
	tellWithheld(log, withheld)
	return d.keep(keys, name, out)
}

// chains are the quarters whose hidden chains are asked for: those named, else those of the last years that are over.
func (d *traceFlags) chains(now time.Time) (quarters []uint32, err error) {
	if len(d.quarters) == 0 {
		for q := protocol.QuarterOf(now) - hiddenYears*4; q < protocol.QuarterOf(now); q++ {
			quarters = append(quarters, q)
		}
		return quarters, nil
	}
	for _, s := range d.quarters {
		q, err := protocol.ParseQuarter(s)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUsage, err)
		}
		quarters = append(quarters, q)
	}
	return quarters, nil
}

func (d *traceFlags) keep(keys protocol.TraceKeys, name protocol.PersonName, out io.Writer) error {
	data, err := json.MarshalIndent(keys, "", " ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(d.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("keeping the key: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("keeping the key: %w", err)
	}
	fmt.Fprintf(out, "The trace key for %s %s is in %s. It finds the uses of these data and opens nothing; keep it to yourself all the same.\n", name.Type, name.Name, d.out)
	return nil
}

// askedGuardians are those that vouch for the group, and how they are reached.
type askedGuardians struct {
	caller  *caller
	session *recovery.Session
	at      map[string]string // address by name
	order   []string          // names
	issuers []wire.PersonIssuer
}

// askWho asks guardians whose logins they take, and which group they are.
func (d *traceFlags) askWho(ctx context.Context, trust *verify.Trust, log io.Writer) (*askedGuardians, error) {
	urls := []string(d.guardians)
	if len(urls) == 0 {
		if d.record == "" {
			return nil, fmt.Errorf("%w: --guardian is missing, or --record, which knows where guardians are", errUsage)
		}
		var err error
		if urls, err = guardiansOf(ctx, trust, d.record); err != nil {
			return nil, err
		}
	}
	c, err := callPinned(trust, urls)
	if err != nil {
		return nil, err
	}
	a := &askedGuardians{caller: c, at: map[string]string{}}
	var words []recovery.Vouched
	var group protocol.Group
	var digest tribune.Hash
	for _, at := range urls {
		info, sum, err := a.person(ctx, at)
		if err != nil {
			fmt.Fprintf(log, "%s does not answer: %v\n", at, err)
			continue
		}
		if len(words) > 0 && sum != digest {
			return nil, fmt.Errorf("%w: %s and %s name different groups of guardians", errDoesNotHold, info.Guardian, words[0].Guardian)
		}
		if a.at[info.Guardian] != "" {
			continue
		}
		group, digest = info.Group, sum
		words = append(words, recovery.Vouched{Guardian: info.Guardian, Digest: sum, Signature: info.Signature})
		a.at[info.Guardian], a.order = at, append(a.order, info.Guardian)
		if len(a.order) == 1 {
			a.issuers = info.Issuers
		} else {
			a.issuers = slices.DeleteFunc(a.issuers, func(i wire.PersonIssuer) bool { return !slices.Contains(info.Issuers, i) })
		}
	}
	a.session, err = recovery.New(trust, group, digest, words)
	if err != nil {
		return nil, tribune.Hint(err, "Name more guardians, as --guardian URL: so many that one of them is honest.")
	}
	return a, nil
}

func (a *askedGuardians) person(ctx context.Context, at string) (info wire.Person, digest tribune.Hash, err error) {
	body, err := a.caller.fetch(ctx, strings.TrimSuffix(at, "/"))("person")
	if err != nil {
		return info, digest, err
	}
	if err := json.Unmarshal(body, &info); err != nil {
		return info, digest, fmt.Errorf("%w: the answer cannot be read", tribune.ErrInvalid)
	}
	digest, err = wire.Digest(info.Group)
	return info, digest, err
}

// guardiansOf asks the city where guardians are. What it says is no more than an address: who answers there must hold a guardian's key.
func guardiansOf(ctx context.Context, trust *verify.Trust, record string) ([]string, error) {
	c, err := callPinned(trust, nil)
	if err != nil {
		return nil, err
	}
	body, err := c.fetch(ctx, strings.TrimSuffix(record, "/"))("group")
	var g protocol.Group
	if err == nil {
		err = json.Unmarshal(body, &g)
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s where guardians are: %w", record, err)
	}
	var urls []string
	for _, m := range g.Guardians {
		if m.URL != "" {
			urls = append(urls, m.URL)
		}
	}
	return urls, nil
}

// round asks as many guardians as it takes, and one more for each that fails or lies.
func (a *askedGuardians) round(ctx context.Context, path string, req protocol.PersonRequest, log io.Writer, combine func([]protocol.PersonAnswer) ([]string, error)) error {
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	var answers []protocol.PersonAnswer
	var last error
	for i, name := range a.order {
		answer, err := a.ask(ctx, name, path, body)
		if err != nil {
			fmt.Fprintf(log, "%s: %v\n", name, err)
			last = err
			continue
		}
		if answers = append(answers, answer); len(answers) < a.session.T() {
			continue
		}
		culprits, err := combine(answers)
		blame(log, culprits)
		if err == nil || !errors.Is(err, tribune.ErrNoQuorum) || i == len(a.order)-1 {
			return err
		}
		answers = slices.DeleteFunc(answers, func(p protocol.PersonAnswer) bool { return slices.Contains(culprits, p.Guardian) })
	}
	return tribune.Hint(fmt.Errorf("%w: %d of %d guardians answered as they should: %w", tribune.ErrNoQuorum, len(answers), a.session.T(), last), "Name more guardians, or try again later.")
}

func (a *askedGuardians) ask(ctx context.Context, name, path string, body []byte) (answer protocol.PersonAnswer, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(a.at[name], "/")+path, bytes.NewReader(body))
	if err != nil {
		return answer, err
	}
	req.Header.Set("Content-Type", "application/json")
	raw, err := a.caller.do(req)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Guardian != name {
		return answer, fmt.Errorf("%w: the answer is of another guardian or cannot be read", tribune.ErrInvalid)
	}
	return answer, nil
}

// chooseName is the one of the token's names that is asked for. The token is taken at its word: guardians check it.
func (d *traceFlags) chooseName(token string) (protocol.PersonName, error) {
	var claims struct {
		Names []protocol.PersonName `json:"tribune_names"`
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return protocol.PersonName{}, fmt.Errorf("%w: that is no ID token", tribune.ErrInvalid)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		return protocol.PersonName{}, fmt.Errorf("%w: that is no ID token", tribune.ErrInvalid)
	}
	if d.name == "" && len(claims.Names) == 1 {
		return claims.Names[0], nil
	}
	for _, n := range claims.Names {
		if n.Type+"="+n.Name == d.name {
			return n, nil
		}
	}
	var offered []string
	for _, n := range claims.Names {
		offered = append(offered, n.Type+"="+n.Name)
	}
	if len(offered) == 0 {
		return protocol.PersonName{}, tribune.Hint(fmt.Errorf("%w: your login vouches for no name under which data are filed", tribune.ErrNotFound), "The ombudsman's desk can help: it needs no login.")
	}
	return protocol.PersonName{}, tribune.Hint(fmt.Errorf("%w: say which of your names", errUsage), "--name %s", strings.Join(offered, " or --name "))
}
