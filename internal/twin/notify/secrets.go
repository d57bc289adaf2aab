package notify

import (
	"encoding/json"
	"net/url"
	"strings"

	"tribune"
)

// What opens an endpoint stands in a subscription: headers (receiverInfo), a name and password or a token in its uri. Everybody who may
// write can read all subscriptions (clause 5.8.3 and 5.8.4), but what opens another's endpoint is shown to who has written it alone. The
// others may send it back as they were shown it, as clients do that change one member of what they have read: then it stays.

// Hidden stands where a value is not shown.
const Hidden = "urn:tribune:hidden"

// By is who made the subscription by a standing act, "" where it is none.
func (v Subscription) By() tribune.ActorID {
	if v.s.standing == nil {
		return ""
	}
	return v.s.standing.Caller.Actor
}

// For is the subscription as somebody may see it.
func (v Subscription) For(reader tribune.ActorID) Subscription {
	if reader != "" && (reader == v.s.by || reader == v.By()) {
		return v
	}
	s := *v.s
	s.doc = s.doc.patched(document{"notification": withoutSecrets(s.doc["notification"])})
	return Subscription{&s}
}

// harmless reports whether the value of a key of receiverInfo or notifierInfo is a secret of nobody. Any other may be one.
func harmless(key string) bool {
	switch strings.ToLower(key) {
	case "accept", "accept-language", "content-type", "content-language", "link", "prefer", "user-agent", "ngsild-tenant", "fiware-service", "fiware-servicepath", "mqtt-version", "mqtt-qos":
		return true
	}
	return false
}

// withoutSecrets is a member notification for those who may not know what opens its endpoint. It has been read before.
func withoutSecrets(raw json.RawMessage) json.RawMessage {
	var params, endpoint document
	if json.Unmarshal(raw, &params) != nil || json.Unmarshal(params["endpoint"], &endpoint) != nil {
		return json.RawMessage("{}")
	}
	endpoint = endpoint.only(isOfEndpoint)
	endpoint["uri"] = quoted(withoutLogin(text(endpoint["uri"])))
	for _, member := range []string{"receiverInfo", "notifierInfo"} {
		var pairs []KeyValue
		if endpoint[member] == nil || json.Unmarshal(endpoint[member], &pairs) != nil {
			continue
		}
		for i := range pairs {
			if !harmless(pairs[i].Key) {
				pairs[i].Value = Hidden
			}
		}
		endpoint[member], _ = json.Marshal(pairs) // texts always can be
	}
	params["endpoint"] = endpoint.bytes()
	return params.bytes()
}

// withoutLogin is an address without name, password and what its query says.
func withoutLogin(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return Hidden
	}
	if u.User == nil && u.RawQuery == "" {
		return uri
	}
	if u.User != nil {
		u.User = url.User("hidden")
	}
	if u.RawQuery != "" {
		u.RawQuery = "hidden"
	}
	return u.String()
}

// withSecrets is a member notification of a fragment with what is hidden in it as it is in old, and whether anything was. That goes to the
// endpoint of old alone: with another uri it stays hidden, and is refused.
func withSecrets(raw, old json.RawMessage) (json.RawMessage, bool) {
	var params, endpoint document
	if json.Unmarshal(raw, &params) != nil || json.Unmarshal(params["endpoint"], &endpoint) != nil || endpoint == nil {
		return raw, false // compile says what is wrong
	}
	var known, was document
	if json.Unmarshal(old, &known) != nil || json.Unmarshal(known["endpoint"], &was) != nil {
		return raw, false
	}
	now, before := text(endpoint["uri"]), text(was["uri"])
	kept := now != before && now == withoutLogin(before)
	if now != before && !kept {
		return raw, false
	}
	endpoint["uri"] = was["uri"]
	for _, member := range []string{"receiverInfo", "notifierInfo"} {
		var pairs, had []KeyValue
		if endpoint[member] == nil || json.Unmarshal(endpoint[member], &pairs) != nil || json.Unmarshal(was[member], &had) != nil {
			continue
		}
		changed := false
		for i := range pairs {
			for _, p := range had {
				if pairs[i].Value == Hidden && p.Key == pairs[i].Key {
					pairs[i].Value, changed = p.Value, true
				}
			}
		}
		if changed {
			kept = true
			endpoint[member], _ = json.Marshal(pairs)
		}
	}
	if !kept {
		return raw, false
	}
	params["endpoint"] = endpoint.bytes()
	return params.bytes(), true
}

func text(raw json.RawMessage) (s string) {
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
