// Package policy decides: may this act happen, under this law, on this evidence? Gate, guardians, monitors and offline
// verifiers all call it, so that anyone can replay a decision.
//
// Deciding is pure. The same set, act and evidence give the same decision: no clock (an act carries its time), no files, no
// network, no randomness. It is total: whatever bytes it is given, it answers. It fails closed: unknown offices,
// purposes, classes and kinds, documents that do not verify, and any error while evaluating a policy all deny. Only
// ReadFiles and Check touch files, for those who keep the law in a folder.
//
// A set is the law of one city, a map from path to signed document (protocol.OpenSigned: note or JWS), every file by the steward:
//
//	city.toml         the city's name, and which keys may sign what
//	classes.toml      classes of data: types, attributes, personal or not, who the subject is, how long kept
//	purposes.toml     why data may be used: plain words, the W3C DPV term, the practices involved
//	offices.toml      who may act: powers in words, until when, how much in an hour
//	floors.cedar      what no office, purpose or policy can override
//	policies/*.cedar  what is permitted to whom
//
// Mandates and appointments are not part of the set. They are evidence: signed documents that travel with an act.
//
// A policy is Cedar (cedarpolicy.com) with three annotations: @id; @because, why, in words for citizens; @until, its
// last day. A permit must have @until and permits nothing afterwards. A forbid stands until it is repealed: its @until
// is only a date to review it by, since a prohibition must not end by being forgotten.
//
// What a policy sees:
//
//	principal  Office::"parking-inspector"
//	action     Action::"read", "standing", "erase", "decide", "enrol", "law", "appoint", "device"
//	resource   Class::"parking-session", or City::"birmingham.example" for acts that concern no class
//	context    purpose, dpv, practices; attrs, personal, categories, keepDays; count, windowDays;
//	           mandate {id, purpose, issuer, offices, classes, maxSubjects, inForce} where one verifies;
//	           appointed: the office filled by an act of kind appoint;
//	           own: the actor's appointment is bound to one person, themselves, and the act touches nobody else
//
// Dates: a day means the whole day in UTC. "until 2026-12-31" includes that day; times may be given instead of days.
package policy
