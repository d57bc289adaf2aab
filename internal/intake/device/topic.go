package device

import "strings"

// maxTopic bounds an MQTT topic in bytes.
const maxTopic = 512

// MayPublish reports whether one of the device's topic filters covers a topic (MQTT 5, 4.7: + is one level, # the rest; a
// filter that begins with a wildcard does not cover topics that begin with $).
func (d *Device) MayPublish(topic string) bool { return d.Filter(topic) != "" }

// Filter is the first of the device's topic filters that covers a topic, "" where none does. Of the two it is the one that may be
// kept: the document says it, and a topic's levels may name people.
func (d *Device) Filter(topic string) string {
	if topic == "" || len(topic) > maxTopic || strings.ContainsAny(topic, "+#\x00") {
		return ""
	}
	for _, f := range d.Topics {
		if covers(f, topic) {
			return f
		}
	}
	return ""
}

func covers(filter, topic string) bool {
	if topic[0] == '$' && (filter[0] == '+' || filter[0] == '#') {
		return false
	}
	for {
		f, filters, moreFilter := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		t, levels, moreTopic := strings.Cut(topic, "/")
		if f != "+" && f != t {
			return false
		}
		switch {
		case !moreFilter && !moreTopic:
			return true
		case moreFilter && !moreTopic:
			return filters == "#" // a/# covers a itself
		case !moreFilter:
			return false
		}
		filter, topic = filters, levels
	}
}

// validFilter reports whether a topic filter is well formed: wildcards stand alone, # at the end.
func validFilter(filter string) bool {
	if filter == "" || len(filter) > maxTopic || strings.ContainsRune(filter, 0) {
		return false
	}
	levels := strings.Split(filter, "/")
	for i, l := range levels {
		if strings.Contains(l, "#") && (l != "#" || i != len(levels)-1) || strings.Contains(l, "+") && l != "+" {
			return false
		}
	}
	return true
}
