package twin

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// A column that misses what a commit does hides entities, or shows what is gone. Here entities come, change type, are sent away and
// come again while queries run. Of each pair of entities exactly one is there with v=1 at every moment.
func TestColumnsSayWhatWasThereAtTheMomentOfTheSnapshot(t *testing.T) {
	tw := open(t, Config{Now: time.Now})
	tw.columns.after = 0
	const pairs = 60
	one := func(i int, mode Mode, typ, v string) Mutation {
		e := ent(fmt.Sprintf("urn:%04d", i), typ, map[tribune.Name][]model.Attr{"v": prop(v)})
		return Mutation{Mode: mode, Entity: e}
	}
	for i := range pairs {
		tw.Mutate(t.Context(), []Mutation{one(2*i, Create, "Car", "1"), one(2*i+1, Create, "Car", "0")})
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for writer := range 4 { // each has pairs of its own
		wg.Go(func() {
			there := map[int]int{}
			rng := rand.New(rand.NewPCG(1, uint64(writer)))
			for {
				select {
				case <-stop:
					return
				default:
				}
				pair := rng.IntN(pairs/4)*4 + writer
				was := 2*pair + there[pair]
				is := 2*pair + 1 - there[pair]
				there[pair] = 1 - there[pair]
				away := []Mutation{one(was, UpsertReplace, "Car", "0"), one(was, UpsertReplace, "Car", `"a long text that says nothing"`), one(was, UpsertReplace, "Car", `[0,0]`), one(was, Delete, "", "0")}[rng.IntN(4)]
				if away.Mode == Delete {
					away.Entity.Attrs = nil
				}
				for _, r := range tw.Mutate(t.Context(), []Mutation{away, one(is, UpsertReplace, "Car", "1")}) {
					if r.Err != nil {
						t.Error(r.Err)
					}
				}
			}
		})
	}
	used := 0
	for i := range 400 {
		p, err := tw.Find(t.Context(), Query{Types: query.Type("Car"), Q: q(t, "v>0"), Limit: 1000, Count: i%2 == 0})
		if err != nil || len(p.Views) != pairs || i%2 == 0 && p.Count != pairs {
			t.Errorf("round %d: count %d, page %d, want %d (%v)", i, p.Count, len(p.Views), pairs, err)
			break
		}
		if c, _ := tw.columns.get(columnKey{typ: "Car", name: "v"}, tw.cache.now()); c != nil {
			used++
		}
		if i%50 == 49 { // made anew from what is there by now
			tw.columns.forget("")
		}
	}
	close(stop)
	wg.Wait()
	if used < 100 {
		t.Errorf("a column was there in %d rounds: this test says nothing", used)
	}
	verify(t, tw)
}

// Memory must not grow with what has been deleted, nor with what is asked for once.
func TestColumnsAreBounded(t *testing.T) {
	tw := open(t, Config{})
	tw.columns.after = 0
	find := func(name string) {
		if _, err := tw.Find(t.Context(), Query{Types: query.Type("Car"), Q: q(t, name+">0")}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range maxColumns + 5 {
		find(fmt.Sprintf("a%d", i))
	}
	if n := len(tw.columns.all); n != maxColumns {
		t.Errorf("got %d columns, want %d", n, maxColumns)
	}
	find("v")
	for i := range 3000 {
		e := ent(fmt.Sprintf("urn:%d", i), "Car", map[tribune.Name][]model.Attr{"v": prop("1")})
		must(t, tw.do(t, Create, e))
		e.Attrs = nil
		must(t, tw.do(t, Delete, e))
	}
	if c, _ := tw.columns.get(columnKey{typ: "Car", name: "v"}, tw.cache.now()); c != nil && c.size > 2100 {
		t.Errorf("a column of nothing holds %d cells", c.size)
	}
	find("v")
	find("v")
	if c, _ := tw.columns.get(columnKey{typ: "Car", name: "v"}, tw.cache.now()); c == nil || c.size > 10 {
		t.Errorf("the column was not made anew: %v", c)
	}
}

// While a column is made many queries that look at documents would keep it from the processor. They wait, but not for ever.
func TestQueriesWaitForAColumnThatIsBeingMade(t *testing.T) {
	tw := open(t, Config{})
	for i := range 10 {
		must(t, tw.do(t, Create, ent(fmt.Sprintf("urn:%d", i), "Car", map[tribune.Name][]model.Attr{"v": prop("1")})))
	}
	find := func() <-chan int {
		found := make(chan int, 1)
		go func() {
			p, err := tw.Find(t.Context(), Query{Types: query.Type("Car"), Q: q(t, "v>0")})
			if err != nil {
				t.Error(err)
			}
			found <- len(p.Views)
		}()
		return found
	}
	c := &column{columnKey: columnKey{typ: "Car", name: "v"}, made: make(chan struct{})}
	tw.columns.all, tw.columns.wait = append(tw.columns.all, c), time.Hour
	found := find()
	select {
	case <-found:
		t.Fatal("a query did not wait")
	case <-time.After(50 * time.Millisecond):
	}
	c.born = tw.cache.now()
	if err := c.load(t.Context(), tw.cfg.Store); err != nil {
		t.Fatal(err)
	}
	close(c.made)
	if n := <-found; n != 10 || c.used.Load() == 0 {
		t.Errorf("%d found, the column used %d times", n, c.used.Load())
	}
	never := &column{columnKey: c.columnKey, made: make(chan struct{})}
	tw.columns.all, tw.columns.wait = []*column{never}, 10*time.Millisecond
	if n := <-find(); n != 10 {
		t.Errorf("%d found without the column", n)
	}
}

func BenchmarkColumn(b *testing.B) {
	c := &column{}
	cells := make([]cell, 100_000)
	for i := range cells {
		cells[i] = cell{id: tribune.EntityID(fmt.Sprintf("urn:ngsi-ld:Sensor:%06d", i))}
	}
	c.fill(cells)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i = (i + 7919) % len(cells)
		c.mark(cells[i].id)
		c.put(cells[i])
	}
}
