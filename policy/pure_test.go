package policy_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

func TestLapsedPolicyPermitsNothing(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.amended(t, "policies/parking.cedar", `@until("2027-11-22")`, `@until("2026-11-21")`), d.trust)
	act, evidence := d.lookup()
	got := set.Decide(act, evidence)
	want := "the policy inspector-looks-up-sessions, which permitted this, ended on 2026-11-21"
	if got.Permit || got.Missing[0] != want {
		t.Errorf("got permit %v, missing %q, want %q", got.Permit, got.Missing, want)
	}
	act.At = now.AddDate(0, 0, -1)
	if got := set.Decide(act, evidence); !got.Permit {
		t.Errorf("on its last day the policy did not permit: %q", got.Missing)
	}
}

func TestForbidOutlivesItsReviewDay(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.amended(t, "policies/parking.cedar", "", "\n@id(\"pause\")\n@because(\"Paused.\")\n@until(\"2026-01-01\")\nforbid (principal, action, resource);\n"), d.trust)
	act, evidence := d.lookup()
	if got := set.Decide(act, evidence); got.Permit || got.Missing[0] != "the policy pause forbids it: Paused." {
		t.Errorf("got permit %v, missing %q: a prohibition ended by being forgotten", got.Permit, got.Missing)
	}
}

// A forbid that fails is skipped by Cedar, which would leave the permit standing.
func TestFailingForbidDenies(t *testing.T) {
	d := newDemo(t)
	failing := "\n@id(\"too-big\")\n@because(\"x\")\nforbid (principal, action, resource) when { context.count * 9223372036854775807 > 7 };\n"
	set := load(t, d.amended(t, "policies/parking.cedar", "", failing), d.trust)
	act, evidence := d.lookup()
	act.Count = 2
	got := set.Decide(act, evidence)
	if got.Permit || got.Missing[0] != "the policy too-big could not be evaluated, so nothing is permitted" {
		t.Errorf("got permit %v, missing %q", got.Permit, got.Missing)
	}
}

func TestFloorsCannotBeOverridden(t *testing.T) {
	d := newDemo(t)
	for floor, practice := range map[string]string{
		"floor-live-face-search": "ai:FaceRecognition", "floor-emotion": "ai:EmotionRecognition",
		"floor-social-scoring": "dpv:ScoringOfIndividuals", "floor-political-targeting": "dpv:PoliticalCampaign",
	} {
		set := load(t, d.amended(t, "purposes.toml", "practices = []", `practices = ["`+practice+`"]`), d.trust)
		act, evidence := d.lookup()
		got := set.Decide(act, evidence)
		if got.Permit || !reflect.DeepEqual(got.Policies, []string{floor}) {
			t.Errorf("%s: got permit %v by %q", floor, got.Permit, got.Policies)
		}
	}
}

// What a leaf does not carry, or carries less precisely, must not matter: guardians decide from the leaf.
func TestGuardianDecidesAlikeFromTheLeaf(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.files, d.trust)
	act, evidence := d.lookup()
	mandate, err := set.Mandate(evidence.Mandate)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{mandate.Until.Add(-time.Nanosecond), mandate.Until, mandate.From.Add(-time.Nanosecond), mandate.From, now.Add(123456789)} {
		act.At = at
		act.Scope.Window = tribune.Window{From: at.Add(-31*24*time.Hour - 999*time.Microsecond), Until: at}
		hub := set.Decide(act, evidence)
		leaf := act
		leaf.At, _ = protocol.ParseTime(protocol.Time(act.At))
		leaf.Scope.Window.From, _ = protocol.ParseTime(protocol.Time(act.Scope.Window.From))
		leaf.Scope.Window.Until, _ = protocol.ParseTime(protocol.Time(act.Scope.Window.Until))
		leaf.Caller.Until, leaf.Scope.Identities = time.Time{}, []tribune.Identity{{Kind: tribune.IdentityTrace}}
		if guardian := set.Decide(leaf, evidence); !reflect.DeepEqual(hub, guardian) {
			t.Errorf("at %s: hub %+v, guardian %+v", at, hub, guardian)
		}
	}
}

// The cache of verified documents, the order of acts and concurrency must not show.
func TestDecisionsDoNotDependOnTheCache(t *testing.T) {
	d := newDemo(t)
	var acts []tribune.Act
	var evidence []tribune.Evidence
	add := func(a tribune.Act, e tribune.Evidence) { acts, evidence = append(acts, a), append(evidence, e) }
	for _, base := range []func() (tribune.Act, tribune.Evidence){d.lookup, d.study, d.enrolment} {
		a, e := base()
		add(a, e)
		broken := e
		broken.Mandate = append([]byte{}, e.Mandate...)
		broken.Mandate[3] ^= 1
		add(a, broken)
		swapped := e
		swapped.Mandate, swapped.Appointment = e.Appointment, e.Mandate
		add(a, swapped)
		late := a
		late.At = now.AddDate(2, 0, 0)
		add(late, e)
	}
	var want []tribune.Decision
	for i := range acts {
		want = append(want, load(t, d.files, d.trust).Decide(acts[i], evidence[i])) // cold every time
	}
	warm := load(t, d.files, d.trust)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 1))
			for range 300 {
				i := rng.IntN(len(acts))
				if got := warm.Decide(acts[i], evidence[i]); !reflect.DeepEqual(got, want[i]) {
					t.Errorf("act %d: got %+v, want %+v", i, got, want[i])
				}
			}
		})
	}
	wg.Wait()
}

// More documents than the cache holds: it must stay bounded and right.
func TestFloodOfEvidenceLeavesDecisionsRight(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.files, d.trust)
	act, evidence := d.lookup()
	for i := range 5000 {
		e := evidence
		e.Mandate = fmt.Appendf(nil, "flood %d", i)
		if set.Decide(act, e).Permit {
			t.Fatal("a flood document was taken for a mandate")
		}
	}
	if got := set.Decide(act, evidence); !got.Permit {
		t.Errorf("after a flood: %q", got.Missing)
	}
}

func TestDecideIsTotal(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.files, d.trust)
	for _, act := range []tribune.Act{
		{}, {Kind: tribune.ActRead}, {Kind: tribune.ActRead, Count: math.MinInt}, {Kind: tribune.ActEnrol, Count: math.MaxInt},
		{Kind: tribune.ActLaw, At: time.Unix(math.MaxInt64, 0)},
	} {
		if got := set.Decide(act, tribune.Evidence{Mandate: make([]byte, policy.MaxEvidence+1)}); got.Permit || len(got.Missing) == 0 {
			t.Errorf("%+v: got %+v", act, got)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	d := newDemo(b)
	set := load(b, d.files, d.trust)
	act, evidence := d.lookup()
	b.ReportAllocs()
	for b.Loop() {
		if !set.Decide(act, evidence).Permit {
			b.Fatal("denied")
		}
	}
}
