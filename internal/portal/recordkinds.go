package portal

import (
	"encoding/json"

	"tribune"
	"tribune/protocol"
)

// Every kind of entry in plain words: on the page of the record, on an entry's own page, and in the verifier that people keep. A test holds this list
// against the vocabulary, so that no kind is added without words.

// everyKind are the kinds that the vocabulary knows.
func everyKind() []tribune.ActKind {
	return []tribune.ActKind{
		tribune.ActRead, tribune.ActStanding, tribune.ActDelivery, tribune.ActDecide, tribune.ActErase, tribune.ActVital, tribune.ActRepresent, tribune.ActPublish, tribune.ActExtension,
		tribune.ActDisclose, tribune.ActLaw, tribune.ActAppoint, tribune.ActDevice, tribune.ActEnrol, tribune.ActIndex, tribune.ActVitalKeys, tribune.ActCeremony, tribune.ActRefusals,
	}
}

// kindShown is a kind of entry for a page: what it is called, and what an entry of it means.
type kindShown struct {
	Kind         tribune.ActKind
	Title, Means string
}

func (w *words) kinds() (all []kindShown) {
	for _, k := range everyKind() {
		title, means := kindWords(w, k)
		all = append(all, kindShown{k, title, means})
	}
	return all
}

// kindWords are what a kind is called, as a filter offers it, and what an entry of it means, permitted or not; both "" where nobody knows it.
func kindWords(w *words, k tribune.ActKind) (title, means string) {
	switch k {
	case tribune.ActRead:
		return w.T("Look up personal data"), w.T("Somebody of an office asked to open sealed data about people.")
	case tribune.ActStanding:
		return w.T("Subscribe to personal data"), w.T("Somebody of an office asked to be told of personal data as they arrive, until an end. Nothing that rests is opened by it.")
	case tribune.ActDelivery:
		return w.T("Be told of personal data as they arrive"), w.T("New data about people were to be told under a subscription that stands on record.")
	case tribune.ActDecide:
		return w.T("Exercise a power"), w.T("An office wanted to use a power: to decide something, to answer a person, or to read a request or a notice. No sealed data were opened.")
	case tribune.ActErase:
		return w.T("Erase a person’s data"), w.T("What was held about people up to that day was to be deleted. Where that was permitted, the guardians open nothing of it from then on.")
	case tribune.ActVital:
		return w.T("Opened without the guardians"), w.T("An office wanted to open data about one person without the guardians. Where that was permitted, two of its people did so while the guardians could not be reached, and it was put on record afterwards.")
	case tribune.ActVitalKeys:
		return w.T("Inventory of single-use keys"), w.T("The hub says which single-use keys there are for when the guardians cannot be reached, and which are gone, and why.")
	case tribune.ActEnrol:
		return w.T("Make trace keys for people"), w.T("The private marks were made by which people find the uses of their data. No data were opened.")
	case tribune.ActLaw:
		return w.T("Publish the law"), w.T("The law of the platform was published: what is permitted, to whom and for what.")
	case tribune.ActAppoint:
		return w.T("Appoint somebody"), w.T("Somebody’s key was registered for an office. Who it is stays sealed.")
	case tribune.ActDevice:
		return w.T("Publish a device"), w.T("The document of a device that senses was published: what it senses, why, and until when.")
	case tribune.ActCeremony:
		return w.T("Key ceremony of the guardians"), w.T("A message by which the guardians make their parts of the key, or change who they are.")
	case tribune.ActRefusals:
		return w.T("Count of further refusals"), w.T("How many further requests were refused on one day, besides those that have an entry of their own.")
	case tribune.ActIndex:
		return w.T("Index of the marks"), w.T("The daily index by which people find the uses of their data. Guardians have signed it.")
	case tribune.ActRepresent:
		return w.T("Act for somebody else"), w.T("Somebody may act for somebody else, or has done so, or may no longer. It carries the marks of both.")
	case tribune.ActPublish:
		return w.T("Publish an explanation of a model"), w.T("How a model comes to its answers was to be shown to everybody. Where that was permitted, the entry carries the auditor’s verdict by which it was decided.")
	case tribune.ActExtension:
		return w.T("Put off a disclosure"), w.T("Under a further warrant of a court, somebody was to learn later than announced that an investigation used their data.")
	case tribune.ActDisclose:
		return w.T("End of a hidden investigation"), w.T("No entry of this kind counts for anything yet: it is reserved.")
	}
	return "", ""
}

// refusedDeed says what an office wanted and was refused; the office is its subject.
func (n naming) refusedDeed(k tribune.ActKind) string {
	w := n.w
	switch k {
	case tribune.ActRead:
		return w.T("asked for personal data and was refused")
	case tribune.ActStanding:
		return w.T("wanted to subscribe to personal data and was refused")
	case tribune.ActDelivery:
		return w.T("was to be told of new personal data and was refused")
	case tribune.ActDecide:
		return w.T("wanted to use its power and was refused")
	case tribune.ActErase:
		return w.T("asked for an erasure and was refused")
	case tribune.ActVital:
		return w.T("wanted to open data without the guardians and was refused")
	case tribune.ActPublish:
		return w.T("wanted to publish an explanation of a model and was refused")
	}
	return w.T("wanted an act of kind “%s” and was refused", n.kind(k))
}

// publishes are what an entry makes public besides, in sentences: of kinds that have no part of the page to themselves.
func (n naming) publishes(leaf protocol.Leaf) (all []string) {
	w := n.w
	if !leaf.Decision.Permit {
		return nil
	}
	switch leaf.Act.Kind {
	case tribune.ActVital:
		if use, opened, back, err := protocol.VitalUseOf(leaf); err == nil {
			all = append(all, w.T("What was opened: data of the class “%s”.", n.class(string(use.Class))), w.T("Opened on %s; the guardians were back on %s.", w.Time(opened), w.Time(back)))
		}
	case tribune.ActVitalKeys:
		if k, err := protocol.DecodeVitalKeys(leaf.Public); err == nil {
			all = append(all, w.T("There are %s keys; %s were made since the inventory before, and %s are gone.", w.Number(k.Count), w.Number(len(k.Added)), w.Number(len(k.Gone))))
			for _, g := range k.Gone {
				if g.Why == protocol.VitalLost {
					all = append(all, w.T("Key %s is lost: nobody says what became of it.", w.Number(g.Number)))
				}
			}
		}
	case tribune.ActRepresent:
		if r, err := protocol.RepresentedOf(leaf); err == nil {
			all = append(all, representWords(w, r.Deed))
		}
	case tribune.ActExtension:
		if _, until, err := protocol.DecodeExtension(leaf.Public); err == nil {
			all = append(all, w.T("It is disclosed on %s at the latest. Whom it concerns is not public.", w.Date(until)))
		}
	case tribune.ActIndex:
		if x, err := protocol.DecodeIndexLeaf(leaf.Public); err == nil {
			all = append(all, w.T("The index covers the first %s entries; %s guardians have signed it.", w.Number(x.Size), w.Number(len(x.Signatures))))
		}
	case tribune.ActDevice:
		var d struct{ Device string }
		if json.Unmarshal(leaf.Public, &d) == nil && d.Device != "" {
			all = append(all, w.T("The device: %s", d.Device))
		}
	}
	return all
}

// representWords say what was done, as the public may know it.
func representWords(w *words, deed string) string {
	switch deed {
	case protocol.DeedGrant:
		return w.T("A representation was put on record: from now on somebody may act for somebody else.")
	case protocol.DeedEnd:
		return w.T("A representation was ended.")
	case protocol.DeedLook:
		return w.T("A representative looked at who used the other’s data, or at their consents.")
	case protocol.DeedKey:
		return w.T("A representative asked the guardians for the other’s trace key.")
	case protocol.DeedAsk:
		return w.T("A representative asked an office something for the other.")
	case protocol.DeedWithdraw:
		return w.T("A representative withdrew a consent of the other’s.")
	}
	return deed
}
