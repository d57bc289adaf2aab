package payload

import (
	"math"
	"slices"
)

type adder func(format string, args ...any)

func (d *Document) check(add adder) {
	if d.Device == "" {
		add("device is missing (the network server whose layouts these are)")
	}
	if len(d.Layouts) == 0 || len(d.Layouts) > maxLayouts {
		add("layout: %d of them, want 1 to %d", len(d.Layouts), maxLayouts)
		return
	}
	names := map[string]bool{CayenneName: true} // a query that says so means the format
	for i := range d.Layouts {
		l := &d.Layouts[i]
		if !validName(l.Name) {
			add("layout %d: name: use letters, digits, -, ., _ and ~, at most %d", i+1, maxName)
		} else if names[l.Name] {
			add("layout %d: another is called %s", i+1, l.Name)
		}
		names[l.Name] = true
		l.check(i+1, add)
	}
}

func (l *Layout) check(n int, add adder) {
	if len(l.EndDevices) > maxEndDevices || slices.ContainsFunc(l.EndDevices, func(s string) bool { return !devEUIShape.MatchString(s) }) {
		add("layout %d: end_devices: at most %d DevEUIs of 16 lower-case hex digits", n, maxEndDevices)
	}
	if l.Port != nil && (*l.Port < 1 || *l.Port > 255) {
		add("layout %d: port: 1 to 255", n)
	}
	if l.Length != nil && (*l.Length < 1 || *l.Length > MaxPayload) {
		add("layout %d: length: 1 to %d bytes", n, MaxPayload)
	}
	switch l.Format {
	case CayenneName:
		if len(l.Fields) > 0 || l.Length != nil {
			add("layout %d: with a format it has neither fields nor a length", n)
		}
		return
	case "":
	default:
		add("layout %d: format: %s is the only one", n, CayenneName)
	}
	if len(l.Fields) == 0 || len(l.Fields) > maxFields {
		add("layout %d: %d fields, want 1 to %d", n, len(l.Fields), maxFields)
		return
	}
	names := map[string]bool{}
	for i := range l.Fields {
		p := &l.Fields[i]
		if !validName(p.Name) {
			add("layout %d, field %d: name: use letters, digits, -, ., _ and ~, at most %d", n, i+1, maxName)
		} else if names[p.Name] {
			add("layout %d, field %d: another is called %s", n, i+1, p.Name)
		}
		names[p.Name] = true
		p.check(func(format string, args ...any) {
			add("layout %d, field %d: "+format, append([]any{n, i + 1}, args...)...)
		})
		if l.Length != nil && p.Offset > *l.Length-p.Length {
			add("layout %d, field %d: it lies beyond the layout's length", n, i+1)
		}
	}
}

// check also fills in what may be left out.
func (p *Place) check(add adder) {
	if p.Length == 0 {
		p.Length = 1
	}
	if p.Length < 1 || p.Length > 8 {
		add("length: 1 to 8 bytes")
		p.Length = 1
	}
	if p.Offset < 0 || p.Offset > MaxPayload-p.Length {
		add("offset: within a payload of %d bytes", MaxPayload)
	}
	if p.Endian != "" && p.Endian != "big" && p.Endian != "little" {
		add(`endian: "big" or "little"`)
	}
	if p.Scale != nil && !(math.Abs(*p.Scale) <= math.MaxFloat64) || !(math.Abs(p.Add) <= math.MaxFloat64) {
		add("scale and add are finite numbers")
	}
	if p.Float {
		if p.Length != 4 && p.Length != 8 || p.Shift != 0 || p.Bits != 0 || p.Signed || p.Boolean || p.Words != nil || p.Missing != nil {
			add("float: of 4 or 8 bytes, without shift, bits, signed, missing, boolean or words")
		}
		return
	}
	if p.Shift < 0 || p.Shift >= 8*p.Length {
		add("shift: within its %d bits", 8*p.Length)
		p.Shift = 0
	}
	if p.Bits == 0 {
		p.Bits = 8*p.Length - p.Shift
	}
	if p.Bits < 1 || p.Bits > 8*p.Length-p.Shift {
		add("bits: 1 to the %d that are there", 8*p.Length-p.Shift)
		p.Bits = 1
	}
	if (p.Boolean || p.Words != nil) && (p.Scale != nil || p.Add != 0) || p.Boolean && p.Words != nil {
		add("it is a number with scale and add, or boolean, or words: one of these")
	}
	if len(p.Words) > maxWords {
		add("words: at most %d", maxWords)
	}
	for _, word := range p.Words {
		if word == "" || len(word) > maxWord {
			add("words: texts of 1 to %d bytes", maxWord)
			break
		}
	}
}
