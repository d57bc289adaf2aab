package twin

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// At each power cut the disk forgets what was not synced while writers are at work. What was acknowledged must be
// there, and what is there must have exactly its index rows.
func TestAcknowledgedMutationsSurvivePowerCuts(t *testing.T) {
	disk := vfs.NewCrashableMem()
	vault := newSafe()
	rng := rand.New(rand.NewPCG(7, 7))
	const entities = 24
	var acked, tried [entities]int // the last value of each entity's counter acknowledged, and tried
	for round := range 6 {
		st, err := pebble.Open(pebble.Config{Dir: "store", FS: disk, MemtableBytes: 256 << 10, CacheBytes: 1 << 20, Fatal: func(err error) { panic(err) }})
		if err != nil {
			t.Fatal(err)
		}
		tw := open(t, Config{Store: st, ClassOf: classes, Sealer: vault, Now: time.Now})
		census := verify(t, tw)
		for i := range entities {
			v, err := tw.Get(t.Context(), "", tribune.EntityID(fmt.Sprint("urn:", i)))
			got := 0
			if err == nil {
				json.Unmarshal(v.Attrs["n"][0].Value, &got)
				var sealed int
				json.Unmarshal(vault.open(t, v.Attrs["driver"][0].Sealed).Value, &sealed)
				if sealed != got {
					t.Errorf("round %d, entity %d: half a mutation: %d in the clear, %d sealed", round, i, got, sealed)
				}
			}
			if got < acked[i] || got > tried[i] {
				t.Errorf("round %d, entity %d: value %d, acknowledged %d, tried %d (%v)", round, i, got, acked[i], tried[i], err)
			}
			p, err := tw.Find(t.Context(), Query{Types: query.Type("Session"), Q: q(t, fmt.Sprintf("n==%d", got)), Limit: 100})
			if got > 0 && (err != nil || !strings.Contains(" "+ids(p)+" ", fmt.Sprintf(" urn:%d ", i))) {
				t.Errorf("round %d: entity %d is not found by its value %d (%v)", round, i, got, err)
			}
			acked[i], tried[i] = got, got
		}
		if t.Failed() {
			return
		}
		var mu sync.Mutex
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for w := range 6 {
			wg.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					i := w*4 + n%4
					mu.Lock()
					tried[i]++
					v := tried[i]
					mu.Unlock()
					r := tw.Mutate(context.WithoutCancel(ctx), []Mutation{{ID: fmt.Sprint("m", v), Mode: Upsert, Entity: ent(fmt.Sprint("urn:", i), "Session",
						map[tribune.Name][]model.Attr{"n": prop(fmt.Sprint(v)), "plate": prop(quoted(fmt.Sprint("P", v%3))), "driver": prop(fmt.Sprint(v))})}})[0]
					if r.Err != nil {
						t.Errorf("writing: %v", r.Err)
						return
					}
					mu.Lock()
					acked[i] = v
					mu.Unlock()
				}
			})
		}
		time.Sleep(time.Duration(20+rng.IntN(60)) * time.Millisecond)
		mu.Lock()
		after := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50}[round%2], RNG: rng})
		was := acked
		mu.Unlock()
		cancel()
		wg.Wait()
		st.Close()
		acked, disk = was, after
		t.Logf("round %d: %d entities, %d index rows, %d past", round, census.Entities, census.Rows, census.Past)
	}
}

// The positive control: a row too many and a row too few are both found.
func TestVerifyFindsDamage(t *testing.T) {
	for name, damage := range map[string]func(b *batchOf){
		"a missing type row":     func(b *batchOf) { b.Delete(b.k.of("t", "Car", "urn:1")) },
		"a row that is too much": func(b *batchOf) { b.Put(b.k.of("t", "Bus", "urn:1"), []byte{}) },
		"a row of nothing":       func(b *batchOf) { b.Put(b.k.of("t", "Car", "urn:9"), []byte{}) },
		"a document gone":        func(b *batchOf) { b.Delete(b.k.of("e", "urn:1")) },
		"another document":       func(b *batchOf) { b.Put(b.k.of("e", "urn:1"), []byte("12345678garbage")) },
	} {
		st := memory(t)
		tw := open(t, Config{Store: st})
		must(t, tw.do(t, Create, ent("urn:1", "Car", map[tribune.Name][]model.Attr{"a": prop("1")})))
		verify(t, tw)
		b := &batchOf{k: keysAt(tribune.Place{})}
		damage(b)
		if err := st.Commit(t.Context(), &b.Batch); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "integrity") {
			t.Errorf("%s: got %v, want an integrity error", name, err)
		}
	}
}

type batchOf struct {
	store.Batch
	k keys
}

// What a release wrote that knew nothing that expires is read as it was written.
func TestOldDocumentsAreRead(t *testing.T) {
	const old = "\x01\x01\x03Car\x01\x02/a\x01\x14\x00\x01\x16\x00\x01\x01a\x01\x39\x01d\x01\x14\x00\x01\x16\x00\x00\x011\x01u\x01\x0a\x06\x01\x01s\x01\x00\x01\x14\x00\x01\x16\x00\x06\x05\"b:c\""
	e, _, err := decodeEntity("urn:1", []byte(old))
	if err != nil {
		t.Fatal(err)
	}
	a := e.Attrs["a"][0]
	if e.Scope[0] != "/a" || a.Dataset != "d" || a.UnitCode != "u" || a.ObservedAt.Unix() != 5 || string(a.Sub["s"][0].Value) != `"b:c"` || a.Rare != nil || !e.ExpiresAt.IsZero() {
		t.Errorf("got %+v", e)
	}
	if again := string(encodeEntity(nil, e)); again != old {
		t.Errorf("written again it is\n%q, was\n%q", again, old)
	}
}

func FuzzDecodeEntity(f *testing.F) {
	e := session("urn:1")
	e.Attrs["plate"] = []model.Attr{{Dataset: "d", Sealed: &tribune.Sealed{Class: "c", Value: []byte("v"), Time: "t"}}}
	e.Attrs["x"] = []model.Attr{{Kind: model.Property, Value: []byte("1"), UnitCode: "u", ObservedAt: time.Unix(5, 6), ObjectType: []tribune.Name{"T"}, Sub: map[tribune.Name][]model.Attr{"s": prop("2")}}}
	f.Add(encodeEntity(nil, &e))
	e.ExpiresAt = time.Unix(7, 8)
	e.Attrs["plate"][0].Rare = &model.Rare{ExpiresAt: time.Unix(1, 2)}
	e.Attrs["x"][0].Rare = &model.Rare{ExpiresAt: time.Unix(3, 4), ValueType: "T", Plain: true}
	f.Add(encodeEntity(nil, &e))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, _, err := decodeEntity("urn:1", b)
		if err != nil {
			return
		}
		again, _, err := decodeEntity("urn:1", encodeEntity(nil, e))
		if err != nil || fmt.Sprintf("%+v", again) == "" {
			t.Fatalf("what decodes does not encode: %v", err)
		}
	})
}
