package audit

import _ "embed"

// DefaultPlan is a plan with every setting and what it means: what tribune explain plan prints, and what is measured where no plan is given.
//
//go:embed plan.toml
var DefaultPlan string
