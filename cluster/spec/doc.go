// Package spec is what a cluster is told to be: its members, its applications, and which groups of applications run where.
//
// A Spec is data. It is written in YAML or as a Go value, with the same types and the same checks; docs/spec.md is the
// reference of the YAML.
//
//	YAML --Parse--> Spec --Validate--> defaults filled, every rule checked --> planner, controller, node
//
// Parse is strict: an unknown field, a duplicate key, a second document, an anchor or a duration without a unit is refused.
// Every refusal is an *Error of one line that names the field, the value and what is wrong with it, and it stops at the first.
// After Validate has accepted a Spec, the other methods cannot fail on it and no default is left open.
//
// A Spec is not to be changed once it is in use: its methods read it from any goroutine without a lock. Whether the
// members run the same Spec is not checked here.
package spec
