package rights

import (
	"fmt"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// A receipt says in the structure of ISO/IEC TS 27560:2023, with the terms of the W3C Data Privacy Vocabulary, what somebody has consented
// to: header, processing, parties and events, as JSON-LD. It holds the signed consent itself, and the hub signs it too:
// Ed25519 over L(consent-receipt) || JCS(receipt).

// Receipt is the file that a person keeps.
type Receipt struct {
	Receipt   receiptBody `json:"receipt"`
	Key       []byte      `json:"key"`       // the hub's registered Ed25519 key
	Signature []byte      `json:"signature"` // over L(consent-receipt) || JCS(receipt)
}

type receiptBody struct {
	Context    map[string]string `json:"@context"`
	Type       string            `json:"@type"`
	Header     receiptHeader     `json:"header"`
	Processing receiptProcessing `json:"processing"`
	Parties    []receiptParty    `json:"parties"`
	Events     []receiptEvent    `json:"events"`
	Signed     []byte            `json:"signedConsent"` // protocol.SignedConsent, its JCS
}

type receiptHeader struct {
	Schema    string `json:"dct:conformsTo"`
	ReceiptID string `json:"receiptId"`
	RecordID  string `json:"dct:identifier"`
	Principal string `json:"dpv:hasDataSubject"` // the pseudonym
	Language  string `json:"dct:language"`
	Created   string `json:"dct:created"`
}

type receiptProcessing struct {
	Notice       string   `json:"dpv:hasNotice"`
	Purpose      string   `json:"dpv:hasPurpose"`
	PurposeName  string   `json:"purposeDescription"`
	LegalBasis   string   `json:"dpv:hasLegalBasis"`
	Data         []string `json:"dpv:hasPersonalData"`
	DataName     string   `json:"dataDescription"`
	Controller   string   `json:"dpv:hasDataController"`
	Recipient    string   `json:"dpv:hasRecipient"`
	Storage      string   `json:"dpv:hasStorageCondition"`
	Retention    string   `json:"dpv:hasDuration"`
	Jurisdiction string   `json:"dpv:hasJurisdiction"`
	Withdrawal   string   `json:"dpv:hasConsentControl"`
	Rights       string   `json:"dpv:hasRight"`
	Authority    string   `json:"dpv:hasAuthority"`
}

type receiptParty struct {
	ID      string `json:"dct:identifier"`
	Role    string `json:"@type"`
	Name    string `json:"dpv:hasName"`
	Address string `json:"dpv:hasAddress"`
	Contact string `json:"dpv:hasContact"`
}

type receiptEvent struct {
	Time   string `json:"dct:date"`
	Valid  string `json:"dct:valid"` // ISO 8601 interval
	Entity string `json:"dpv:isIndicatedBy"`
	Type   string `json:"dpv:hasLegalBasis"`
	State  string `json:"dpv:hasConsentStatus"`
}

const (
	dpv         = "https://w3id.org/dpv#"
	principal   = "principal"
	controller  = "controller"
	authorityID = "authority"
)

// Signature makes the hub's signature; the key is its registered one.
type Signature func(message []byte) (signature, key []byte)

// Receipt makes the receipt of a consent as it stands now. base is the city's public URL.
func (r *Room) Receipt(c *ConsentRecord, set *policy.Set, base, city string, sign Signature) (Receipt, error) {
	if c.Signed == nil {
		return Receipt{}, fmt.Errorf("%w: there is no receipt for a no", tribune.ErrNotFound)
	}
	body, err := r.receiptBody(c, set, base, city)
	if err != nil {
		return Receipt{}, err
	}
	text, err := protocol.JCS(body)
	if err != nil {
		return Receipt{}, fmt.Errorf("writing a consent receipt: %w", err)
	}
	out := Receipt{Receipt: body}
	out.Signature, out.Key = sign(append(protocol.Label("consent-receipt"), text...))
	return out, nil
}

func (r *Room) receiptBody(c *ConsentRecord, set *policy.Set, base, city string) (receiptBody, error) {
	rules, now := r.cfg.Rules, r.cfg.Now()
	purpose, ok := set.Purpose(c.Purpose)
	class, known := classEntry(set, c.Class)
	office, there := set.Office(c.Recipient)
	if !ok || !known || !there {
		return receiptBody{}, fmt.Errorf("%w: what the consent is for is in the registers no more", tribune.ErrNotFound)
	}
	name := rules.Controller.Name
	if name == "" {
		name = city
	}
	b := receiptBody{
		Context: map[string]string{"dpv": dpv, "dct": "http://purl.org/dc/terms/", "pd": "https://w3id.org/dpv/pd#", "@vocab": "urn:tribune:consent-receipt:"},
		Type:    "dpv:ConsentReceipt",
		Header: receiptHeader{
			Schema: "ISO/IEC TS 27560:2023", ReceiptID: protocol.NewID(), RecordID: c.ID, Principal: principal, Language: c.Language, Created: protocol.Time(now),
		},
		Processing: receiptProcessing{
			Notice: base + "/me/consents", Purpose: string(purpose.DPV), PurposeName: purpose.Title + ": " + purpose.Description, LegalBasis: "dpv:ExplicitlyExpressedConsent",
			Data: []string{}, DataName: class.Title, Controller: controller, Recipient: string(c.Recipient), Storage: "sealed at the hub of " + city + ", opened by acts on its public record alone",
			Retention: retention(class.Keep), Jurisdiction: rules.Jurisdiction, Withdrawal: base + "/me/consents", Rights: base + "/rights", Authority: authorityID,
		},
		Parties: []receiptParty{
			{principal, "dpv:DataSubject", c.Subject.String(), "known to the city under this pseudonym", base + "/rights"},
			{controller, "dpv:DataController", name, rules.Controller.Address, rules.Controller.Contact},
			{string(c.Recipient), "dpv:Recipient", office.Title, rules.Controller.Address, base + "/registers/offices/" + string(c.Recipient)},
			{authorityID, "dpv:Authority", rules.Authority.Name, rules.Authority.Address, rules.Authority.URL},
		},
		Signed: c.Signed,
	}
	for _, category := range class.Categories {
		b.Processing.Data = append(b.Processing.Data, string(category))
	}
	valid := protocol.Time(c.From) + "/" + protocol.Time(c.Until)
	b.Events = append(b.Events, receiptEvent{protocol.Time(c.From), valid, principal, "dpv:ExplicitlyExpressedConsent", "dpv:ConsentGiven"})
	switch c.State(now) {
	case ConsentWithdrawn:
		at := protocol.Time(c.Withdrawn)
		b.Events = append(b.Events, receiptEvent{at, protocol.Time(c.From) + "/" + at, principal, "dpv:ExplicitlyExpressedConsent", "dpv:ConsentWithdrawn"})
	case ConsentExpired:
		b.Events = append(b.Events, receiptEvent{protocol.Time(c.Until), valid, controller, "dpv:ExplicitlyExpressedConsent", "dpv:ConsentExpired"})
	}
	return b, nil
}

func classEntry(set *policy.Set, id tribune.ClassID) (policy.ClassEntry, bool) {
	for _, e := range set.Classes() {
		if e.ID == id {
			return e, true
		}
	}
	return policy.ClassEntry{}, false
}

// retention is an ISO 8601 duration in days.
func retention(keep time.Duration) string {
	if keep == 0 {
		return "until erased"
	}
	return fmt.Sprintf("P%dD", keep/(24*time.Hour))
}
