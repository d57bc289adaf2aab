package portal

import (
	"html/template"
	"net/url"
	"regexp"
	"strings"

	"tribune/internal/intake/device"
)

var (
	mailAddress = regexp.MustCompile(`^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)
	phoneNumber = regexp.MustCompile(`^\+?[0-9][0-9 ()/-]{4,30}$`)
	webAddress  = regexp.MustCompile(`^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/%-]*)?$`)
)

// contactLink is a link to the owner, with a letter begun where it is an e-mail address. Anything else is shown as text: a
// document is signed, but its words are its owner's.
func contactLink(w *words, d *device.Device) template.URL {
	contact := strings.TrimSpace(d.Contact)
	switch {
	case len(contact) > 200:
	case mailAddress.MatchString(contact):
		q := url.Values{"subject": {w.T("Objection to the device %s", d.ID)}, "body": {objection(w, d, "")}}
		return template.URL("mailto:" + contact + "?" + strings.ReplaceAll(q.Encode(), "+", "%20"))
	case phoneNumber.MatchString(contact):
		return template.URL("tel:" + strings.NewReplacer(" ", "", "(", "", ")", "", "/", "-").Replace(contact))
	case webAddress.MatchString(contact):
		return template.URL(contact)
	}
	return ""
}

// objection is a letter to the owner, for a person to complete.
func objection(w *words, d *device.Device, city string) string {
	return strings.Join([]string{
		w.T("To: %s (%s)", d.Owner, d.Contact),
		"",
		w.T("I object, under article 21 of the General Data Protection Regulation, to the processing of data about me by the device “%s” (%s) at %s.", d.Title, d.ID, d.Place.Name),
		"",
		w.T("My reasons, which arise from my particular situation: …"),
		"",
		w.T("Please stop processing data about me, or show me the compelling legitimate grounds that override my interests. Please answer within one month (article 12)."),
		"",
		w.T("Name, address, date: …"),
	}, "\n")
}
