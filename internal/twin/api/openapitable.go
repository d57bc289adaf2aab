package api

// groups are the parts of the API, in reading order.
func groups() [][2]string {
	return [][2]string{
		{"Entities", "Creating, changing and deleting entities (clauses 5.6.1 to 5.6.6 and 5.6.17 to 5.6.21)."},
		{"Batch operations", "Many entities in one request (clauses 5.6.7 to 5.6.10 and 5.6.20)."},
		{"Queries", "Finding entities (clauses 5.7.1 and 5.7.2)."},
		{"Discovery", "Which types and attributes there are (clauses 5.7.5 to 5.7.10)."},
		{"Temporal evolution", "Entities in time (clauses 5.6.11 to 5.6.16, 5.7.3 and 5.7.4)."},
		{"Subscriptions", "Being told of changes (clause 5.8)."},
		{"Context sources", "Other brokers that know more (clauses 5.9 to 5.11)."},
		{"Entity maps and snapshots", "Results that stay the same over pages (clauses 5.14 and 5.16)."},
		{"@contexts", "JSON-LD contexts that are stored here (clause 5.13)."},
	}
}

// What several operations read.
const (
	bodyParams = "attrs containedBy count datasetId entityMap entityMapLifetime format geometryProperty " +
		"join joinLevel lang limit local offset omit options pick"
	historyParams = "aggrMethods aggrPeriodDuration attrs collation coordinates count csf datasetId endTimeAt entityMap entityMapLifetime expandValues format geometry geoproperty georel id " +
		"idPattern jsonKeys lang lastN limit local offset omit options orderBy pick q scopeQ splitEntities timeAt timeproperty timerel type"
	queryParams = "attrs collation containedBy coordinates count csf datasetId entityMap entityMapLifetime expandValues format geometry geometryProperty geoproperty georel id idPattern " +
		"join joinLevel jsonKeys lang limit local offset omit options orderBy orderFrom orderGeometry pick q scopeQ splitEntities type"
)

// offers are all that the standard has; what is not served is left out of the description.
func offers() []offer {
	return []offer{
		{"POST", "/entities", "Entities", "5.6.1", "Create an entity", "options format local", "Entity", 201, ""},
		{"GET", "/entities", "Queries", "5.7.2", "Query entities", queryParams, "", 200, "[]Entity"},
		{"DELETE", "/entities", "Entities", "5.6.21", "Purge entities", "type id idPattern q georel geometry coordinates geoproperty geometryProperty scopeQ csf attrs drop keep local", "", 204, ""},
		{"GET", "/entities/{id}", "Queries", "5.7.1", "Retrieve an entity", "attrs containedBy datasetId entityMap entityMapLifetime format geometryProperty join joinLevel lang local omit options pick type", "", 200, "Entity"},
		{"PATCH", "/entities/{id}", "Entities", "5.6.17", "Merge into an entity", "options format observedAt lang type local", "Fragment", 204, ""},
		{"PUT", "/entities/{id}", "Entities", "5.6.18", "Replace an entity", "options format type local", "Entity", 204, ""},
		{"DELETE", "/entities/{id}", "Entities", "5.6.6", "Delete an entity", "type local", "", 204, ""},
		{"POST", "/entities/{id}/attrs", "Entities", "5.6.3", "Append attributes", "options format type local", "Fragment", 204, ""},
		{"PATCH", "/entities/{id}/attrs", "Entities", "5.6.2", "Update attributes", "options format type local", "Fragment", 204, ""},
		{"PATCH", "/entities/{id}/attrs/{attr}", "Entities", "5.6.4", "Update an attribute partially", "options format type local", "Fragment", 204, ""},
		{"PUT", "/entities/{id}/attrs/{attr}", "Entities", "5.6.19", "Replace an attribute", "options format type local", "Fragment", 204, ""},
		{"DELETE", "/entities/{id}/attrs/{attr}", "Entities", "5.6.5", "Delete an attribute", "deleteAll datasetId type local", "", 204, ""},

		{"POST", "/entityOperations/create", "Batch operations", "5.6.7", "Create entities", "options format local", "[]Entity", 201, "[]Identifier"},
		{"POST", "/entityOperations/upsert", "Batch operations", "5.6.8", "Create or update entities", "options format local", "[]Entity", 201, "[]Identifier"},
		{"POST", "/entityOperations/update", "Batch operations", "5.6.9", "Update entities", "options format local", "[]Entity", 204, ""},
		{"POST", "/entityOperations/merge", "Batch operations", "5.6.20", "Merge entities", "options format observedAt lang local", "[]Entity", 204, ""},
		{"POST", "/entityOperations/delete", "Batch operations", "5.6.10", "Delete entities", "local", "[]Identifier", 204, ""},
		{"POST", "/entityOperations/query", "Queries", "5.7.2", "Query entities by a body", bodyParams, "Query", 200, "[]Entity"},

		{"GET", "/types", "Discovery", "5.7.5", "List types", "details local", "", 200, "TypeList"},
		{"GET", "/types/{type}", "Discovery", "5.7.7", "Describe a type", "local", "", 200, "TypeList"},
		{"GET", "/attributes", "Discovery", "5.7.8", "List attributes", "details local", "", 200, "AttributeList"},
		{"GET", "/attributes/{attr}", "Discovery", "5.7.10", "Describe an attribute", "local", "", 200, "AttributeList"},

		{"POST", "/temporal/entities", "Temporal evolution", "5.6.11", "Create or extend a history", "local", "TemporalEntity", 201, ""},
		{"GET", "/temporal/entities", "Temporal evolution", "5.7.4", "Query histories", historyParams, "", 200, "[]TemporalEntity"},
		{"GET", "/temporal/entities/{id}", "Temporal evolution", "5.7.3", "Retrieve a history", "aggrMethods aggrPeriodDuration attrs datasetId endTimeAt entityMap entityMapLifetime format lang lastN local omit options pick timeAt timeproperty timerel", "", 200, "TemporalEntity"},
		{"DELETE", "/temporal/entities/{id}", "Temporal evolution", "5.6.16", "Delete a history", "local", "", 204, ""},
		{"POST", "/temporal/entities/{id}/attrs", "Temporal evolution", "5.6.12", "Add instances of attributes", "local", "Fragment", 204, ""},
		{"DELETE", "/temporal/entities/{id}/attrs/{attr}", "Temporal evolution", "5.6.13", "Delete an attribute's history", "deleteAll datasetId local", "", 204, ""},
		{"PATCH", "/temporal/entities/{id}/attrs/{attr}/{instance}", "Temporal evolution", "5.6.14", "Change an instance", "local", "Fragment", 204, ""},
		{"DELETE", "/temporal/entities/{id}/attrs/{attr}/{instance}", "Temporal evolution", "5.6.15", "Delete an instance", "local", "", 204, ""},
		{"POST", "/temporal/entityOperations/query", "Temporal evolution", "5.7.4", "Query histories by a body", "limit offset count options format local", "Query", 200, "[]TemporalEntity"},

		{"POST", "/subscriptions", "Subscriptions", "5.8.1", "Subscribe", "local", "Subscription", 201, ""},
		{"GET", "/subscriptions", "Subscriptions", "5.8.4", "List subscriptions", "count limit local offset options", "", 200, "[]Subscription"},
		{"GET", "/subscriptions/{id}", "Subscriptions", "5.8.3", "Retrieve a subscription", "local options", "", 200, "Subscription"},
		{"PATCH", "/subscriptions/{id}", "Subscriptions", "5.8.2", "Change a subscription", "local", "Fragment", 204, ""},
		{"DELETE", "/subscriptions/{id}", "Subscriptions", "5.8.5", "End a subscription", "local", "", 204, ""},

		{"POST", "/csourceRegistrations", "Context sources", "5.9.2", "Register a context source", "", "Registration", 201, ""},
		{"GET", "/csourceRegistrations", "Context sources", "5.10.2", "Find registrations", "attrs coordinates count csf datasetId endTimeAt format geometry geometryProperty geoproperty georel id idPattern lang limit local offset omit options pick q scopeQ timeAt timeproperty timerel type", "", 200, "[]Registration"},
		{"GET", "/csourceRegistrations/{id}", "Context sources", "5.10.1", "Retrieve a registration", "format options", "", 200, "Registration"},
		{"PATCH", "/csourceRegistrations/{id}", "Context sources", "5.9.3", "Change a registration", "format options", "Fragment", 204, ""},
		{"DELETE", "/csourceRegistrations/{id}", "Context sources", "5.9.4", "Delete a registration", "format options", "", 204, ""},
		{"POST", "/csourceSubscriptions", "Context sources", "5.11.2", "Subscribe to registrations", "local", "Subscription", 201, ""},
		{"GET", "/csourceSubscriptions", "Context sources", "5.11.5", "List subscriptions to registrations", "count limit local offset options", "", 200, "[]Subscription"},
		{"GET", "/csourceSubscriptions/{id}", "Context sources", "5.11.4", "Retrieve a subscription to registrations", "local options", "", 200, "Subscription"},
		{"PATCH", "/csourceSubscriptions/{id}", "Context sources", "5.11.3", "Change a subscription to registrations", "local", "Fragment", 204, ""},
		{"DELETE", "/csourceSubscriptions/{id}", "Context sources", "5.11.6", "End a subscription to registrations", "local", "", 204, ""},
		{"GET", "/info/sourceIdentity", "Context sources", "5.15.1", "Who this source is", "", "", 200, "SourceIdentity"},

		{"POST", "/entityMaps", "Entity maps and snapshots", "5.14.4", "Create an entity map", bodyParams, "Query", 201, "EntityMap"},
		{"GET", "/entityMaps", "Entity maps and snapshots", "5.14.4", "Create an entity map by a query", queryParams, "", 201, "EntityMap"},
		{"GET", "/temporal/entityMaps", "Entity maps and snapshots", "5.14.5", "Create an entity map of histories by a query", historyParams, "", 201, "EntityMap"},
		{"POST", "/temporal/entityMaps", "Entity maps and snapshots", "5.14.5", "Create an entity map of histories", "count format limit local offset options", "Query", 201, "EntityMap"},
		{"GET", "/entityMaps/{id}", "Entity maps and snapshots", "5.14.1", "Retrieve an entity map", "local", "", 200, "EntityMap"},
		{"PATCH", "/entityMaps/{id}", "Entity maps and snapshots", "5.14.2", "Change an entity map", "local", "Fragment", 204, ""},
		{"DELETE", "/entityMaps/{id}", "Entity maps and snapshots", "5.14.3", "Delete an entity map", "local", "", 204, ""},
		{"POST", "/snapshots", "Entity maps and snapshots", "5.16.1", "Take a snapshot", "", "Snapshot", 422, ""},
		{"DELETE", "/snapshots", "Entity maps and snapshots", "5.16.6", "Purge snapshots", "", "", 422, ""},
		{"POST", "/snapshots/{id}/clone", "Entity maps and snapshots", "5.16.2", "Clone a snapshot", "", "Fragment", 422, ""},
		{"GET", "/snapshots/{id}", "Entity maps and snapshots", "5.16.3", "Retrieve a snapshot's status", "", "", 422, ""},
		{"PATCH", "/snapshots/{id}", "Entity maps and snapshots", "5.16.4", "Change a snapshot", "", "Fragment", 422, ""},
		{"DELETE", "/snapshots/{id}", "Entity maps and snapshots", "5.16.5", "Delete a snapshot", "", "", 422, ""},

		{"POST", "/jsonldContexts", "@contexts", "5.13.2", "Add an @context", "", "Context", 201, ""},
		{"GET", "/jsonldContexts", "@contexts", "5.13.3", "List @contexts", "details kind", "", 200, "[]StoredContext"},
		{"GET", "/jsonldContexts/{context}", "@contexts", "5.13.4", "Serve an @context", "details", "", 200, "Context"},
		{"DELETE", "/jsonldContexts/{context}", "@contexts", "5.13.5", "Delete or reload an @context", "reload", "", 204, ""},
	}
}

// parameters are those of the query, with their type and meaning.
func parameters() map[string][2]string {
	return map[string][2]string{
		"aggrMethods":        {"string", "Aggregates, separated by commas: totalCount, distinctCount, sum, avg, min, max, stddev, sumsq (clause 4.5.19)."},
		"aggrPeriodDuration": {"string", "The length of a period, as an ISO 8601 duration; PT0S = all of the time (clause 4.5.19)."},
		"attrs":              {"string", "Names of attributes, separated by commas."},
		"collation":          {"string", "Which rules texts are ordered by (clause 4.23)."},
		"containedBy":        {"string", "Entities that the answer has already and must not link to again (clause 4.5.23)."},
		"coordinates":        {"string", "Of the geometry: a JSON array."},
		"count":              {"boolean", "true: NGSILD-Results-Count says how many there are."},
		"csf":                {"string", "A query on properties of context sources (clause 4.9)."},
		"datasetId":          {"string", "Instances of attributes to take, separated by commas; @none = the default one (clause 4.5.5)."},
		"deleteAll":          {"boolean", "true: all instances, whatever their datasetId."},
		"details":            {"boolean", "true: what is known of each, not only its name."},
		"drop":               {"string", "Members to delete, separated by commas; the rest stays."},
		"endTimeAt":          {"string", "The end, with timerel=between."},
		"entityMap":          {"boolean", "true: make an entity map of the result (clause 5.14)."},
		"expandValues":       {"string", "Attributes whose values in q are names of the @context (clause 4.9)."},
		"format":             {"string", "normalized, concise, simplified; of histories temporalValues, aggregatedValues, too."},
		"geometry":           {"string", "Point, LineString, Polygon and their Multi forms."},
		"geometryProperty":   {"string", "Which GeoProperty is the geometry of GeoJSON."},
		"geoproperty":        {"string", "Which GeoProperty the geographical query is about; location without it."},
		"georel":             {"string", "near;maxDistance==METRES, within, contains, overlaps, intersects, equals, disjoint (clause 4.10)."},
		"id":                 {"string", "Identifiers, separated by commas."},
		"idPattern":          {"string", "A regular expression for identifiers."},
		"join":               {"string", "inline or flat: linked entities come along (clause 4.5.23)."},
		"joinLevel":          {"integer", "How many links deep."},
		"entityMapLifetime":  {"string", "How long the entity map is kept, as an ISO 8601 duration."},
		"jsonKeys":           {"string", "Members of values in q that are no names of the @context."},
		"orderFrom":          {"string", "Coordinates that entities are ordered by their distance from."},
		"orderGeometry":      {"string", "The geometry that orderFrom has the coordinates of."},
		"keep":               {"string", "Members to keep, separated by commas; the rest is deleted."},
		"kind":               {"string", "Hosted, Cached or ImplicitlyCreated."},
		"lang":               {"string", "The language of texts that have several (clause 4.15)."},
		"lastN":              {"integer", "The last so many instances."},
		"limit":              {"integer", "At most so many, up to 1000."},
		"local":              {"boolean", "true: of this broker alone, not of registered context sources (clause 6.3.18)."},
		"observedAt":         {"string", "When all of it was observed, where it does not say itself."},
		"offset":             {"integer", "Leave so many out, from the first."},
		"omit":               {"string", "Members to leave out, separated by commas (clause 4.21)."},
		"options":            {"string", "Words, separated by commas: sysAttrs, keyValues, concise, noOverwrite, replace, update and others, by operation (clause 6.3.11)."},
		"orderBy":            {"string", "Members to order by, separated by commas; with ;desc the other way round (clause 4.23)."},
		"pick":               {"string", "Members to take, separated by commas (clause 4.21)."},
		"q":                  {"string", "The query language for values (clause 4.9). What stands in a URL ends in logs."},
		"reload":             {"boolean", "true: fetch the copy anew instead of deleting it."},
		"scopeQ":             {"string", "The query language for scopes (clause 4.19)."},
		"splitEntities":      {"boolean", "true: entities may be split over context sources."},
		"timeAt":             {"string", "The time, with timerel."},
		"timeproperty":       {"string", "observedAt, createdAt, modifiedAt or deletedAt."},
		"timerel":            {"string", "before, after or between (clause 4.11)."},
		"type":               {"string", "Types of entities: a name, several by commas, or an expression (clause 4.17)."},
	}
}
