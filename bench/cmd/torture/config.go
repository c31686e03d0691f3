package main

import (
	"github.com/gendac/gendac/cluster/node"
	"github.com/gendac/gendac/cluster/spec"
)

// configOf is a member without applications: what is tortured is the dictionary.
func configOf(name string, what *spec.Spec, data string) node.Config {
	return node.Config{Name: name, Spec: what, DataDir: data, InMemory: data == ""}
}
