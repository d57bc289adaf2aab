package jsonld

// instances reports whether every element of an array looks like an attribute instance.
func instances(arr []byte) bool {
	n, all := 0, true
	elements(arr, func(v []byte) bool {
		n++
		all = looksLikeInstance(v)
		return all
	})
	return all && n > 0
}

// IsInstance reports whether the document is an instance of an attribute by itself, and no fragment of an entity.
func (d Document) IsInstance() bool { return d.IsObject() && looksLikeInstance(d.raw) }

func looksLikeInstance(v []byte) (found bool) {
	if v[0] != '{' {
		return false
	}
	members(v, func(key string, val []byte) error {
		switch key {
		case "type":
			s, _ := text(val)
			found = found || kindOf(s) != ""
		case "datasetId":
			found = true
		default:
			for _, h := range holders {
				found = found || h.member == key
			}
		}
		return nil
	})
	return found
}

// hasInstance reports whether a member of an object is an attribute: then the object is one as well, a fragment without its value.
func hasInstance(obj []byte) bool {
	found := false
	members(obj, func(_ string, val []byte) error {
		found = found || looksLikeInstance(val)
		return nil
	})
	return found
}
