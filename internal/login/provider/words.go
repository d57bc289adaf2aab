package provider

import "golang.org/x/text/language"

// words is all text of the pages in one language.
type words struct {
	Lang                              string
	Title, Demo, For, Choose, LogInAs string // LogInAs stands before a name
	Asked, Purpose, Mandate           string
	Verified                          string            // stands before verified names
	Types                             map[string]string // of names; one that is not here is shown as it is
	Roles                             map[string]string
	Cancel, Back                      string
	Ended, EndedText                  string
	Problem                           string
	BadRequest, BadClient, Over       string
	NoPerson, Foreign                 string
}

// languages are those of the pages, the first for whoever reads none of them.
func languages() ([]words, language.Matcher) {
	return []words{english(), german()}, language.NewMatcher([]language.Tag{language.English, language.German})
}

func english() words {
	return words{
		Lang:     "en",
		Title:    "Demo login",
		Demo:     "Demo only: no password; a real city connects its own provider.",
		For:      "You are logging in to",
		Choose:   "Who do you want to be?",
		LogInAs:  "Log in as",
		Asked:    "What this login is for:",
		Purpose:  "purpose",
		Mandate:  "mandate",
		Verified: "Verified:",
		Types:    map[string]string{"plate": "plate"},
		Roles: map[string]string{
			"citizen":    "A citizen, who sees what the city holds about them and every use that was made of it.",
			"officer":    "An officer of the city, who may ask for personal data under a mandate, and leaves a record each time.",
			"protection": "The data protection office, which answers people about their data.",
			"inspector":  "A parking inspector, who may ask for personal data under a mandate, and leaves a record each time.",
			"steward":    "The steward, who keeps the city's registers of sensors, purposes and mandates.",
			"auditor":    "An auditor, who checks the public record and those who witness it.",
			"journalist": "A journalist, who reads what anybody may read and follows a use to the rule that allowed it.",
		},
		Cancel:     "Cancel",
		Back:       "Back to the city",
		Ended:      "Logged out",
		EndedText:  "The demo login knows nothing of you any more.",
		Problem:    "This does not work",
		BadRequest: "The request cannot be read. Please begin again at the city's own page.",
		BadClient:  "The page that sent you here is not one that this demo login may answer to.",
		Over:       "This login is over, was answered already, or was begun in another browser. Please begin again at the city's own page.",
		NoPerson:   "There is no such person. Please go back and choose one of those on the page.",
		Foreign:    "The form was sent from another site.",
	}
}

func german() words {
	return words{
		Lang:     "de",
		Title:    "Demo-Anmeldung",
		Demo:     "Nur zur Vorführung: kein Passwort; eine echte Stadt schließt ihren eigenen Anbieter an.",
		For:      "Sie melden sich an bei",
		Choose:   "Wer möchten Sie sein?",
		LogInAs:  "Anmelden als",
		Asked:    "Wofür diese Anmeldung gilt:",
		Purpose:  "Zweck",
		Mandate:  "Mandat",
		Verified: "Bestätigt:",
		Types:    map[string]string{"plate": "Kennzeichen"},
		Roles: map[string]string{
			"citizen":    "Aus der Bürgerschaft: sieht, was die Stadt über sie oder ihn gespeichert hat, und jede Nutzung davon.",
			"officer":    "Im Dienst der Stadt: darf mit Mandat nach personenbezogenen Daten fragen und hinterlässt jedes Mal einen Eintrag.",
			"protection": "Datenschutzstelle: beantwortet, was Menschen über ihre Daten fragen.",
			"inspector":  "Parkaufsicht: darf mit Mandat nach personenbezogenen Daten fragen und hinterlässt jedes Mal einen Eintrag.",
			"steward":    "Datenverwaltung: führt die Verzeichnisse der Sensoren, Zwecke und Mandate der Stadt.",
			"auditor":    "Prüfung: kontrolliert das öffentliche Protokoll und die, die es bezeugen.",
			"journalist": "Presse: liest, was alle lesen dürfen, und verfolgt eine Nutzung bis zu der Regel, die sie erlaubt hat.",
		},
		Cancel:     "Abbrechen",
		Back:       "Zurück zur Stadt",
		Ended:      "Abgemeldet",
		EndedText:  "Die Demo-Anmeldung weiß nichts mehr von Ihnen.",
		Problem:    "Das geht nicht",
		BadRequest: "Die Anfrage ist nicht lesbar. Bitte beginnen Sie auf der Seite der Stadt von vorn.",
		BadClient:  "Die Seite, die Sie hierher geschickt hat, darf von dieser Demo-Anmeldung keine Antwort bekommen.",
		Over:       "Diese Anmeldung ist vorbei, wurde schon beantwortet oder in einem anderen Browser begonnen. Bitte beginnen Sie auf der Seite der Stadt von vorn.",
		NoPerson:   "Diese Person gibt es nicht. Bitte gehen Sie zurück und wählen Sie eine von der Seite.",
		Foreign:    "Das Formular kam von einer anderen Seite.",
	}
}
