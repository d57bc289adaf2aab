package watch

// Kind is a kind of incident or notice.
type Kind string

// Severity says who should get up.
type Severity string

// Alarm: the record, the law or a release is not what was promised, and the evidence shows it. Warning: something is not as it
// should be, for which there may be an innocent reason. Notice: to know of; no incident, and no exit status.
const (
	Alarm   Severity = "alarm"
	Warning Severity = "warning"
	Notice  Severity = "notice"
)

// The kinds.
const (
	SplitView    Kind = "split-view"
	RolledBack   Kind = "rolled-back"
	NoQuorum     Kind = "no-quorum"
	Unverifiable Kind = "unverifiable"
	Withheld     Kind = "withheld"
	Stalled      Kind = "stalled"
	Clock        Kind = "clock"
	NotServing   Kind = "not-serving"
	Away         Kind = "guardian-away"
	OtherTiles   Kind = "other-tiles"
	Unreadable   Kind = "unreadable-leaf"
	BadDecision  Kind = "decision"
	LawUnknown   Kind = "law-unknown"
	LawEarly     Kind = "law-early"
	LawStale     Kind = "law-stale"
	LawUnshown   Kind = "law-unshown"
	BadMandate   Kind = "mandate"
	BadTags      Kind = "tags"
	DuplicateTag Kind = "duplicate-tag"
	OverCap      Kind = "cap"
	BadTime      Kind = "time"
	BadDelivery  Kind = "delivery"
	Volume       Kind = "volume"
	BadRelease   Kind = "release"
	BadIndex     Kind = "index"
	VitalMissing Kind = "vital-missing"
	BadVital     Kind = "vital"
	VitalLate    Kind = "vital-late"

	VitalUnchecked Kind = "vital-unchecked"

	VitalSilent Kind = "vital-silent"
	Flood       Kind = "flood"
	Explained   Kind = "explanation"

	VitalUsed       Kind = "vital-used"
	ForgedErasure   Kind = "erasure"
	BadChange       Kind = "change"
	EmergencyChange Kind = "emergency-change"

	Membership  Kind = "membership"
	LawChange   Kind = "law-change"
	LawPending  Kind = "law-pending"
	UnknownKind Kind = "unknown-kind"
	Unshown     Kind = "mandate-unshown"
)

// about is what people are told of a kind.
type about struct {
	kind     Kind
	severity Severity
	passes   bool // a state, which can end; else a fact, which stays
	title    string
	means    string
	do       string
}

// kinds in the order of their weight.
var kinds = [...]about{
	{SplitView, Alarm, false, "Two histories under one signature",
		"The log's own key has signed two records that contradict each other. Somebody has been shown a record from which something was taken or to which something was added. No accident does this: whoever controls the log's key has lied to somebody.",
		"Publish the evidence: both checkpoints are signed, and anybody can check them. Ask every guardian which of the two it holds. Trust no receipt until the guardians have said in public which history is the true one."},
	{RolledBack, Alarm, true, "The record has become shorter",
		"The hub shows fewer entries than it has shown before, or than the guardians have co-signed. Entries that were public are gone from it. A hub that was restored from an old backup looks like this for some minutes, until the guardians' mirrors have filled it up.",
		"Keep your copy: it holds what is missing. Ask the city whether it has restored a backup. If the record does not grow back within the hour, or grows on with other entries, publish."},
	{NoQuorum, Alarm, true, "Published with too few co-signatures",
		"The hub shows a checkpoint that fewer guardians have co-signed than the trust file asks for. Nothing below it is vouched for.",
		"Follow nothing newer than your copy. Ask the guardians why they have not signed."},
	{Unverifiable, Alarm, true, "The checkpoint does not verify",
		"What is shown as a checkpoint is not signed by the keys of your trust file, or carries lines by other keys. Either the trust file is old, since guardians have changed, or somebody shows another log.",
		"Look for a notice of a change of guardians here, and compare the city's /trust with what the guardians themselves publish. Replace your trust file only by what you have from more than one of them."},
	{OtherTiles, Alarm, true, "A guardian serves another record than it signs",
		"The guardian's checkpoint is the tree held here, but the entries it serves are others. Who reads from it is misled, and its co-signature says less than it should.",
		"Ask the guardian's institution. Until it is explained, count its co-signature as missing."},
	{Withheld, Alarm, true, "Signed, but not shown",
		"There is a checkpoint with the guardians' co-signatures, and nobody serves the entries below it. They cannot be read or checked by anybody outside.",
		"Ask hub and guardians for the entries. Guardians should not co-sign what they do not serve."},
	{BadChange, Alarm, false, "A change of guardians that does not hold",
		"Guardians may change only with the acceptances of those before them, on record, link after link. What is shown here as such a change does not verify from your trust file, or there are two for one share epoch. The group that was followed before stays the one that counts.",
		"Ask the guardians that you know which group they serve. Publish the two chains if both verify."},
	{EmergencyChange, Alarm, false, "Guardians changed without a quorum",
		"So few guardians were left that the group before could publish nothing any more, and those who were left have made a new one. Nobody but they can say that the others were lost.",
		"Ask those who are called lost whether they are, and those who have accepted why. Then mark this as explained."},
	{Unreadable, Alarm, false, "An entry that cannot be read",
		"An entry of the record is not in the one form that the protocol knows. It says nothing that can be checked, and the guardians release nothing for it.",
		"Ask the city what it put there, and why."},
	{BadDecision, Alarm, false, "A decision that does not replay",
		"The record says that an act was permitted or denied, and the city's own law, applied to what is public of it, comes to something else.",
		"Check the evidence with tribune watch --check. Ask the office and the council. A court that has the opening of the entry can replay the whole decision."},
	{LawUnknown, Alarm, false, "Decided under a law that is not on record",
		"An act was decided under a set of policies that no entry of the record has published.",
		"Ask the city for that law. Nobody could have known it."},
	{LawEarly, Alarm, false, "A looser law used before its time",
		"A change of law that permits more needs the approval of several guardians and waits 72 hours in public. It was used without that.",
		"Publish. Whatever was decided under it was decided without law."},
	{LawStale, Alarm, false, "Decided under a law that had ended",
		"An act was decided under a set of policies that another had replaced.",
		"Ask the city why its hub still used it."},
	{Explained, Alarm, true, "An explanation is shown, or kept back, against the record",
		"What a city shows of its models' explanations is not what its record says: another file, one that too few guardians have found right, one that should be taken down, one that no entry published, or one that is missing although nothing ended it.",
		"Compare the file with the SHA-256 in the entry, and its receipt with tribune verify. Ask the office that owns the model, and the guardians."},
	{BadMandate, Alarm, false, "The mandate does not carry the act",
		"The mandate that an act names was not in force, is for another purpose or office, or allows fewer people than the act touched.",
		"Ask the office and the issuer of the mandate."},
	{DuplicateTag, Alarm, false, "One use marked twice",
		"Each use of a person's data carries a tag of its own. The same tag stands in two entries: one of the two uses is hidden from the person whom it concerns.",
		"Publish. Whoever it concerns sees the first entry only."},
	{BadTags, Alarm, false, "An act without its marks",
		"The number of tags in an entry does not fit its kind and the number of people it says it touched. People whose tag is missing cannot find the use of their data.",
		"Ask the city. The guardians release nothing for such an entry; data could have been used only in another way."},
	{BadDelivery, Alarm, false, "A delivery without its standing act",
		"Personal data were passed on under a subscription that the record does not hold, or that belongs to another office, purpose or mandate.",
		"Ask the office that received them."},
	{OverCap, Alarm, false, "More in one hour than the law allows",
		"An office did more acts, or touched more people, for one purpose in one hour than the register of offices allows it.",
		"Ask the office. The guardians release nothing beyond the limit."},
	{BadRelease, Alarm, false, "A release statement that does not fit",
		"What the hub shows as a guardian's statement is not signed by it, speaks of another entry, or was given for an act that opens nothing.",
		"Ask the guardian that is named. If its signature fits, it has released what it should not have."},
	{BadIndex, Alarm, false, "An index that does not fit the record",
		"The daily index by which people find the uses of their data is not what the record gives, or too few guardians have signed it. Who searches by it may be told of fewer uses than there are.",
		"Publish. People should search the whole record (full download) until an index fits again."},
	{VitalMissing, Alarm, false, "A single-use key is gone, and nobody says why",
		"For some data there are keys that open them without the guardians, each once. Their inventory is on record. A key is gone from it, or was exchanged, and no entry explains it: somebody may have opened what it was for and kept silent.",
		"Publish. Ask the city which key it was, who held it, and what was opened. Only the city knows whom it was about; ask it to tell that person."},
	{BadVital, Alarm, false, "Opened without the guardians, and not as the law lets it",
		"An entry says that data were opened without the guardians. The law of then did not let that office open that class of data, or a key was used that was gone already.",
		"Publish. Ask the office, and the council that appointed the two who did it."},
	{VitalUnchecked, Alarm, true, "Opened without the guardians, and too few have found it right",
		"An entry says that data were opened without the guardians. Only they can see whether its mark is the person's and whether two people signed, and fewer than open data with them say that it is so. A hub that was killed just then looks like this until it is back.",
		"Wait an hour for the hub. Then ask the city why guardians have not found it right, and the guardians what they were shown."},
	{VitalLate, Alarm, false, "Opened without the guardians, and told too late",
		"What is opened while guardians cannot be reached must be on record within 24 hours of their return. This entry came later.",
		"Ask the city why it kept silent. The person concerned can complain."},
	{VitalSilent, Warning, true, "No inventory of single-use keys for two days",
		"There can be keys that open data without the guardians, and the hub has stopped saying which, or never began. Without an inventory nobody sees whether one was used.",
		"Ask the city why its hub has stopped, and count the keys again once it goes on."},
	{ForgedErasure, Alarm, false, "An erasure that guardians do not obey",
		"An entry says that a person was erased, and a guardian was not shown by whose mandate and signature, or was shown that there is none. Whoever controls the hub tried to keep somebody's data from ever being opened.",
		"Ask the city who asked for that erasure. Who is concerned finds the entry among the uses of their data."},
	{LawUnshown, Warning, true, "A law that is not shown",
		"An entry publishes a law by its hash, and the hub does not show its text, or shows one that does not verify. Decisions under it cannot be replayed.",
		"Ask the city for the files. If it has none, treat what was decided under that law as undecided."},
	{Stalled, Warning, true, "The record stands still",
		"The guardians' newest co-signatures are too old. They are renewed every half minute even where nothing happens: the hub is down or cut off, or too few guardians sign.",
		"Ask the city. While it lasts nothing sealed can be opened, unless it is opened off the record."},
	{NotServing, Warning, true, "A guardian signs and does not serve",
		"A guardian's co-signature is on the newest checkpoint, but nobody outside can read what it has signed. It should hold and serve every entry.",
		"Ask the guardian's institution whether its mirror is reachable."},
	{Away, Warning, true, "A guardian is away",
		"A guardian neither answers nor co-signs. The others suffice while there are enough of them.",
		"Ask its institution."},
	{Clock, Warning, true, "A clock is wrong",
		"Co-signatures bear times that have not come yet by the watcher's clock. One of the two clocks is wrong.",
		"Check your own clock first; then ask the guardians."},
	{BadTime, Warning, false, "An act out of its time",
		"An entry's own time is far before entries that were on record earlier, or later than the co-signatures over it. The hub's clock was wrong, or an act was dated back or forward.",
		"Ask the city. Look at mandates and laws that began or ended in between."},
	{Volume, Warning, false, "Unusually much",
		"An office used far more data for one purpose in an hour than it usually does at that time of the week. It may be an event in the city, a new task, or somebody who looks up whom they should not.",
		"Ask the office what happened in that hour."},
	{Flood, Warning, false, "More incidents than are kept one by one",
		"There were so many incidents of one kind that further ones are only counted.",
		"Read the first ones. Somebody may want you to overlook one among many."},
	{VitalUsed, Notice, false, "Data were opened without the guardians",
		"Two people of an office opened data about one person while the guardians could not be reached, as the law lets them. The person finds it among the uses of their data.",
		"Were the guardians really out of reach then? Compare with what you saw at that time."},
	{Membership, Notice, false, "The guardians' roster is on record",
		"The guardians have published who they are, how many shares open and how many co-signatures publish.",
		"Compare names and keys with your trust file, and with what the institutions say themselves."},
	{LawPending, Notice, false, "A change of law waits",
		"A new set of policies that permits more is on record and waits for its 72 hours, or for approvals.",
		"Read the change while it can still be stopped."},
	{LawChange, Notice, false, "The law has changed",
		"Another set of policies is on record and in force.",
		"Read what has changed."},
	{UnknownKind, Notice, false, "A kind of entry that this program does not know",
		"The record holds an entry of a kind that came later than this program. What can be checked of every entry was checked.",
		"Update tribune, and read what its notes say of the new kind."},
	{Unshown, Notice, true, "A mandate whose text is not shown",
		"An entry names a mandate whose signed document the city does not show. Whether it was in force cannot be checked from outside.",
		"Ask the city for the document."},
}

func (k Kind) about() about {
	for _, a := range kinds {
		if a.kind == k {
			return a
		}
	}
	return about{kind: k, severity: Alarm, title: string(k)}
}
