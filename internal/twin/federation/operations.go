package federation

import (
	"fmt"
	"slices"

	"tribune"
)

// names of operations (clause 4.20, table 1). Their place is their bit in operations.
var names = [...]string{
	"createEntity", "updateEntity", "appendAttrs", "updateAttrs", "deleteAttrs", "deleteEntity",
	"createBatch", "upsertBatch", "updateBatch", "deleteBatch",
	"upsertTemporal", "appendAttrsTemporal", "deleteAttrsTemporal", "updateAttrInstanceTemporal", "deleteAttrInstanceTemporal", "deleteTemporal",
	"mergeEntity", "replaceEntity", "replaceAttrs", "mergeBatch", "purgeEntity",
	"retrieveEntity", "queryEntity", "queryBatch", "retrieveTemporal", "queryTemporal",
	"retrieveEntityTypes", "retrieveEntityTypeDetails", "retrieveEntityTypeInfo",
	"retrieveAttrTypes", "retrieveAttrTypeDetails", "retrieveAttrTypeInfo",
	"createSubscription", "updateSubscription", "retrieveSubscription", "querySubscription", "deleteSubscription",
	"retrieveEntityMap", "updateEntityMap", "deleteEntityMap", "createEntityMapQueryEntity", "createEntityMapQueryTemporal",
	"retrieveContextSourceIdentity",
}

// operations is a set of names.
type operations uint64

// op is the set of the given names; what is no operation is not in it.
func op(list ...string) (set operations) {
	for _, name := range list {
		if bit := slices.Index(names[:], name); bit >= 0 {
			set |= 1 << bit
		}
	}
	return set
}

var (
	typeOps     = op("retrieveEntityTypes", "retrieveEntityTypeDetails", "retrieveEntityTypeInfo", "retrieveAttrTypes", "retrieveAttrTypeDetails", "retrieveAttrTypeInfo")
	mapOps      = op("retrieveEntityMap", "updateEntityMap", "deleteEntityMap", "createEntityMapQueryEntity")
	retrieveOps = op("retrieveEntity", "queryEntity")

	associationOps = retrieveOps | typeOps | op("queryBatch", "createSubscription", "updateSubscription", "retrieveSubscription", "querySubscription", "deleteSubscription", "retrieveContextSourceIdentity")
	federationOps  = associationOps | mapOps

	// pastReads are in no group: who offers them names them, or the time that can be asked about (Registration.temporalReads).
	pastReads = op("retrieveTemporal", "queryTemporal")

	// pastChanges change temporal entities. They are no queries, so the rule of clause 5.9.1 is not about them.
	pastChanges = op("upsertTemporal", "appendAttrsTemporal", "deleteAttrsTemporal", "updateAttrInstanceTemporal", "deleteAttrInstanceTemporal", "deleteTemporal")
)

// groups of operations (clause 4.20, table 2).
var groups = map[string]operations{
	"federationOps":  federationOps,
	"associationOps": associationOps,
	"updateOps":      op("updateEntity", "updateAttrs", "replaceEntity", "replaceAttrs"),
	"retrieveOps":    retrieveOps,
	"redirectionOps": retrieveOps | typeOps | mapOps | op("createEntity", "updateEntity", "appendAttrs", "updateAttrs", "deleteAttrs", "deleteEntity", "mergeEntity", "replaceEntity", "replaceAttrs", "purgeEntity", "retrieveContextSourceIdentity"),
}

// readOperations is the set that a registration names.
func readOperations(list []string) (set operations, err error) {
	for _, name := range list {
		if group, ok := groups[name]; ok {
			set |= group
			continue
		}
		one := op(name)
		if one == 0 {
			return 0, tribune.Hint(fmt.Errorf("%w: operations has an entry that is neither an operation nor a group of them (clause 4.20)", tribune.ErrInvalid),
				"Groups are federationOps, associationOps, updateOps, retrieveOps and redirectionOps.")
		}
		set |= one
	}
	return set, nil
}

// has reports whether the set holds the operation; no name asks for none in particular.
func (o operations) has(name string) bool {
	if name == "" {
		return true
	}
	return o&op(name) != 0
}

// temporalReads adds the temporal queries to what a registration with a time interval offers without naming operations: what such an
// interval says is that it can be asked about the past (table 5.2.9-1), and no group has these operations. An auxiliary registration may
// name none but retrieveOps (clause 5.9.2.4), though clause 5.7.4.4 says what becomes of its answers.
func (r *Registration) temporalReads() {
	if r.Temporal() && (r.doc.get("operations") == nil || r.Mode == Auxiliary) {
		r.operations |= pastReads
	}
}
