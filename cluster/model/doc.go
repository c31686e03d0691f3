// Package model holds the nouns of the cluster: what plans, records and status speak of. It decides nothing; a type here
// has its text and nothing else. The floors below have nouns of their own, which cluster/controller and cluster/node convert.
//
// The zero value of a state or a phase is the one that is not known.
package model
