package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"tribune"
)

// The drivers of the demo are nobody.
//
// Their plates have the form of a British plate (two letters, two digits, three letters: "QX16 KLM") but begin with Q.
// The first letter of such a plate says the region of issue; I, Q and Z have never been used there, so no plate of the demo
// was ever issued. (Old Q plates, "Q123 ABC", have another form.) Their names are drawn by chance from the two short
// lists of common names below; that somebody bears such a name is chance too.

const (
	plateFirst  = "Q"
	plateSecond = "ABCDEFGHJKLMNOPRSTUVWXY" // without I, Q and Z
	plateLast   = "ABCDEFGHJKLMNOPRSTUVWXYZ"
	plateAges   = 21 // 16 to 26 (issued in March) and 66 to 75 (in September)
	plateCount  = len(plateSecond) * plateAges * len(plateLast) * len(plateLast) * len(plateLast)
	plateStride = 1_000_003 // a prime that does not divide plateCount: stepping by it visits every plate once
)

var givenNames = strings.Fields(`Aaron Adele Aisha Alan Alice Amara Amelia Andrew Anita Arjun Beth Brian Callum Carys Chloe Claire Daniel
	Deepa Diana Dylan Eleanor Emeka Esther Ewan Fatima Fergus Fiona Gareth Grace Hannah Harriet Hugo Imran Iris Isaac Jasmine
	Joan Joel Karen Kieran Leah Liam Lucy Malik Maria Martin Megan Mina Nadia Neil Nina Olive Omar Oscar Petra Philip Priya
	Rachel Rhys Rosa Samir Sarah Simon Tara Theo Tomasz Uma Vera Victor Wendy Yasmin Zoe`)

var familyNames = strings.Fields(`Adams Ahmed Allen Bailey Baker Barnes Begum Bell Bennett Brooks Butler Campbell Carter Chapman Chen Clarke
	Collins Cooper Cox Davies Dixon Ellis Evans Fisher Foster Gibson Graham Grant Gray Green Hall Harris Hill Holmes Hughes Hunt
	Hussain Jackson James Kaur Kelly Khan King Knight Lee Lewis Lloyd Marsh Mason Mills Moore Morgan Murphy Nowak Okafor Owen
	Palmer Parker Patel Phillips Powell Price Reid Roberts Rose Shah Shaw Singh Stone Turner Walker Ward Watson Webb White
	Wood Wright Young`)

// seed is the one secret of the outside world; who has it can tell every person of the demo.
type seed [32]byte

// derive is a value that follows from the seed, a label and numbers, and tells nothing about other such values.
func (s seed) derive(label string, numbers ...int64) [sha256.Size]byte {
	m := hmac.New(sha256.New, s[:])
	m.Write([]byte(label))
	for _, n := range numbers {
		m.Write([]byte{0})
		m.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
	}
	return [sha256.Size]byte(m.Sum(nil))
}

// chance is a source of chance that follows from the seed, a label and numbers.
func (s seed) chance(label string, numbers ...int64) *rand.Rand {
	d := s.derive(label, numbers...)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(d[:8]), binary.BigEndian.Uint64(d[8:16])))
}

// people is the population: person i is the same for every population of the same seed, however large.
type people struct {
	seed  seed
	count int
	first uint64 // where plates begin
}

func newPeople(hexSeed string, count int) (people, error) {
	p := people{count: count}
	if n, err := hex.Decode(p.seed[:], []byte(hexSeed)); err != nil || n != len(p.seed) || len(hexSeed) != hex.EncodedLen(n) {
		return people{}, fmt.Errorf("the demo city's seed is not %d hex digits: %w", hex.EncodedLen(len(p.seed)), tribune.ErrInvalid)
	}
	d := p.seed.derive("plates")
	p.first = binary.BigEndian.Uint64(d[:8]) % uint64(plateCount)
	return p, nil
}

// plate is the licence plate of person i, unique among plateCount people.
func (p people) plate(i int) string {
	n := int((p.first + uint64(i)*plateStride) % uint64(plateCount))
	digit := func(base int) int {
		d := n % base
		n /= base
		return d
	}
	var last [3]byte
	for k := range last {
		last[k] = plateLast[digit(len(plateLast))]
	}
	age := 16 + digit(plateAges)
	if age > 26 {
		age += 39 // 27 -> 66
	}
	return fmt.Sprintf("%s%c%02d %s", plateFirst, plateSecond[digit(len(plateSecond))], age, last[:])
}

// driver is the name of person i.
func (p people) driver(i int) string {
	r := p.seed.chance("name", int64(i))
	return givenNames[r.IntN(len(givenNames))] + " " + familyNames[r.IntN(len(familyNames))]
}

// PeopleFile is the list of everybody in a demo city, plate and name, as CSV: the truth of the outside world, by which a
// drill knows what to look for in a copy of the hub's directory. dir is Config.Dir.
func PeopleFile(dir string) string { return filepath.Join(dir, "people.csv") }

func (p people) write(dir string) error {
	var b strings.Builder
	b.WriteString("plate,driver\n")
	for i := range p.count {
		b.WriteString(p.plate(i) + "," + p.driver(i) + "\n")
	}
	if old, err := os.ReadFile(PeopleFile(dir)); err == nil && string(old) == b.String() {
		return nil
	}
	if err := replaceFile(PeopleFile(dir), []byte(b.String())); err != nil {
		return fmt.Errorf("writing the demo city's people: %w", err)
	}
	return nil
}
