package controller

import (
	"math"
	"strings"
	"testing"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/cluster/spec"
	"github.com/gendac/gendac/gdict"
)

// What the check lets pass fits into a key of the dictionary.
func TestTheLongestNamesFitIntoTheKeys(t *testing.T) {
	name := longestName(t)
	member := model.Member{Name: name, Incarnation: math.MaxUint64}
	for _, key := range []string{reportKey(member, model.Instance{Group: name, App: name}), orderKey(name)} {
		if len(key) > gdict.DefaultMaxKey {
			t.Errorf("a key of %d bytes, at most %d are allowed", len(key), gdict.DefaultMaxKey)
		}
	}
}

// longestName is the longest one that the check of a specification accepts.
func longestName(t *testing.T) string {
	t.Helper()
	longest := ""
	for n := 1; n <= 2000; n++ {
		name := strings.Repeat("n", n)
		s := &spec.Spec{
			Cluster: name, Members: map[string]spec.Member{name: {}}, Applications: map[string]spec.Application{name: {}},
			Groups: []spec.Group{{Name: name, On: []spec.Tier{{name}}, Run: []string{name}}},
		}
		if s.Validate() == nil {
			longest = name
		}
	}
	if len(longest) < 100 {
		t.Fatalf("the longest name has %d bytes", len(longest))
	}
	return longest
}
