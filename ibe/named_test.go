package ibe

import (
	"bytes"
	"slices"
	"testing"
)

// named has the guardians of the given indices evaluate an input that they are told.
func (d sharing) named(t testing.TB, input []byte, indices ...int) (parts []Partial) {
	t.Helper()
	point, err := NamePoint(input)
	if err != nil {
		t.Fatal(err)
	}
	for _, index := range indices {
		p, err := EvaluateBlinded(d.name(t, index), point)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, Partial{Index: index, Points: [][]byte{p}})
	}
	return parts
}

// A person who tells their name gets the y that the hub got blind: else their pseudonym would be another.
func TestANameThatIsToldGivesTheYOfABlindOne(t *testing.T) {
	d := deal("name", 2, 4)
	input := []byte("plate AB12CDE")
	blindings, parts := d.evaluate(t, [][]byte{input}, 1, 3)
	blind, _, err := d.nameMaster(t).Unblind(d.pks, 2, blindings, parts)
	if err != nil {
		t.Fatal(err)
	}
	y, culprits, err := d.nameMaster(t).CombineName(d.pks, 2, input, d.named(t, input, 4, 2))
	if err != nil || len(culprits) != 0 || !bytes.Equal(y, blind[0]) {
		t.Errorf("y %x, blind %x, culprits %v, %v", y, blind[0], culprits, err)
	}
	if err := d.nameMaster(t).VerifyName(input, y); err != nil {
		t.Error(err)
	}
}

func TestAWrongYOrShareOfANameIsFoundOut(t *testing.T) {
	d := deal("name", 2, 4)
	m := d.nameMaster(t)
	input, other := []byte("plate AB12CDE"), []byte("plate XY99ZZZ")
	y := d.nameOf(t, input)
	infinity := append([]byte{0xc0}, make([]byte, G1Size-1)...)
	for what, wrong := range map[string][]byte{"another name's": d.nameOf(t, other), "infinity": infinity, "none": nil, "too short": y[:47]} {
		if m.VerifyName(input, wrong) == nil {
			t.Errorf("y that is %s verifies", what)
		}
	}
	if err := m.VerifyName(input, y); err != nil {
		t.Error(err)
	}
	parts := append(d.named(t, other, 1), d.named(t, input, 2, 3)...)
	got, culprits, err := m.CombineName(d.pks, 2, input, parts)
	if err != nil || !slices.Equal(culprits, []int{1}) || !bytes.Equal(got, y) {
		t.Errorf("y %x, culprits %v, %v; want %x and guardian 1 named", got, culprits, err, y)
	}
}
