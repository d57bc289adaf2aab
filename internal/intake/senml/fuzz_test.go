package senml

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// sane checks what the desk relies on: names of the standard's characters, values that are JSON.
func sane(t *testing.T, p *Pack) {
	t.Helper()
	if len(p.Records) == 0 || len(p.Records) > p.Max {
		t.Fatalf("%d records", len(p.Records))
	}
	for i := range p.Records {
		r := &p.Records[i]
		if !validName(r.Name) || r.Kind != None && !json.Valid(r.JSON) || r.Kind == None && !r.HasSum || r.Kind == Number && !finite(r.Number) || !finite(r.Sum) {
			t.Fatalf("record %d is %+v", i, r)
		}
		if r.Absolute() && r.At(received).Year() < 1978 {
			t.Fatalf("record %d is absolute at %v", i, r.At(received))
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`[{"bn":"a","bt":1e9,"bu":"Cel","bv":1,"bs":2,"bver":10,"n":"b","u":"V","v":1.5,"s":1,"t":-1,"ut":3}]`,
		`[{"n":"a","vs":"\u00e9"},{"n":"b","vb":true},{"n":"c","vd":"aGk"}]`, packJSON, `[{"\u006e":"a","v":1e400}]`, `[`, `[{}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		p := Pack{Max: 100}
		err := p.ParseJSON(body)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		if err != nil {
			return
		}
		sane(t, &p)
		var list []map[string]json.RawMessage
		if err := json.Unmarshal(body, &list); err != nil || len(list) != len(p.Records) {
			t.Fatalf("another parser says %v, %d records, this one %d", err, len(list), len(p.Records))
		}
	})
}

func FuzzCBOR(f *testing.F) {
	standard, err := hex.DecodeString(standardCBOR)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(standard)
	f.Add([]byte(packCBOR))
	f.Add([]byte("\x9f\xbf\x00\x61a\x02\xc4\x82\x21\x19\x6a\xb3\x61x\xa1\x01\x02\xff\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		p := Pack{Max: 100}
		if p.ParseCBOR(body) != nil {
			return
		}
		sane(t, &p)
		if err := cbor.Wellformed(body); err != nil {
			t.Fatalf("another parser says %v", err)
		}
	})
}

func FuzzCOSE(f *testing.F) {
	k := key(f, 1)
	f.Add(seal(f, k, packJSON, nil))
	f.Add(seal(f, k, packCBOR, nil)[1:])
	f.Fuzz(func(t *testing.T, body []byte) {
		p := Pack{Max: 100}
		if p.ParseCOSE(body, k.Public().(ed25519.PublicKey)) == nil {
			sane(t, &p)
			if len(p.Records) != 1 || p.Records[0].Number != 1 {
				t.Fatalf("a payload that was never signed: %+v", p.Records)
			}
		}
	})
}
